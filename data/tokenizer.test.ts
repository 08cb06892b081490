import { expect, test } from 'vitest'
import { tokenize } from './tokenizer.js'

const tokens = (caption: string): string => tokenize(caption).join(' ')

test.each([
  ["A man's dog can't jump over the bright-red fence.", "a man 's dog ca n't jump over the bright-red fence"],
  ['Two people -- a man and a woman -- riding bikes...', 'two people a man and a woman riding bikes'],
  ['A "STOP" sign on 5th St. in the U.S.A.', 'a stop sign on 5th st. in the u.s.a.'],
  ['it is 3/4 full (almost)!', 'it is 3/4 full -lrb- almost -rrb-'],
  ['a $5 bill & 50% at 10:30 a.m.', 'a $ 5 bill & 50 % at 10:30 a.m.'],
  ["gonna cannot, don't they ??", "gon na can not do n't they ??"],
  ["rock 'n' roll in the '90s, o'clock, ma'am, 'tis", "rock 'n' roll in the '90s o'clock ma'am 't is"],
  ["l'été à Paris – “quoted” text… end", "l'été à paris quoted text end"],
  ['   ', ''],
])('%s', (caption, expected) => expect(tokens(caption)).toBe(expected))
