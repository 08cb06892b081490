import { expect, it } from 'vitest'
import { confusionTable } from './confusion-table.js'

it('the table has what texts are in its lines, what was said of them in its columns, and the shares', () => {
  expect(
    confusionTable(
      ['cats', 'hippopotamuses', 'owls'],
      [
        [90, 8, 2],
        [1, 49, 0],
        [0, 0, 0],
      ],
    ),
  ).toBe(`is \\ said       cats  hippopotamuses  owls    right
cats              90               8     2  90.00 %
hippopotamuses     1              49     0  98.00 %
owls               0               0     0        –
139 of 150 right (92.67 %); always the commonest label: 66.67 %
`)
})
