import { expect, it } from 'vitest'
import { alikeFinder, isPhotoName, nameFinder, namesFinder } from './photo-names.js'

it('takes for photos what is said to be one, in kinds that are not read too', () => {
  const names = [
    '1.jpg',
    '1.JPEG',
    '1.jpe',
    '1.jfif',
    '1.png',
    '1.webp',
    '1.avif',
    '1.gif',
    '1.HEIC',
    '1.heif',
  ]
  for (const name of [...names, '1.tif', '1.TIFF', '1.bmp']) expect(isPhotoName(name), name).toBe(true)
  for (const name of ['1.jpg.xmp', '1.txt', 'jpg', '1.jp']) expect(isPhotoName(name), name).toBe(false)
})

it.each([
  ['1.jpg', '1.jpg'],
  ['a/1.jpg', 'a/1.jpg'],
  ['photos/a/1.jpg', 'a/1.jpg'],
  ['photos/1.jpg', '1.jpg'],
  ['2.jpg', 'a/b/2.jpg'],
  ['b/2.jpg', 'a/b/2.jpg'],
  ['c/2.jpg', undefined],
  ['cafe\u0301.jpg', 'a/caf\u00e9.jpg'],
  ['none.jpg', undefined],
  // One of c/d, not the one outside of it.
  ['d/1.jpg', 'c/d/1.jpg'],
  // As Windows writes them.
  ['a\\1.jpg', 'a/1.jpg'],
  ['photos\\a\\1.jpg', 'a/1.jpg'],
  ['photos\\1.jpg', '1.jpg'],
  ['b\\2.jpg', 'a/b/2.jpg'],
])('among the names of photos in folders %s is %s', (file, name) => {
  const names = ['1.jpg', 'a/1.jpg', 'c/d/1.jpg', 'a/b/2.jpg', 'a/3.jpg', 'b/3.jpg', 'a/caf\u00e9.jpg']
  const find = nameFinder(names, 'features')
  expect(find(file)).toBe(name)
  expect(() => find('3.jpg')).toThrow(
    'Expected a name of one photo of features for 3.jpg but received ["a/3.jpg", "b/3.jpg"]',
  )
})

it('says of a name with several outer folders which photos it may be, where its last part is that of several', () => {
  const find = namesFinder(['a.jpg', '2019/a.jpg', 'b.jpg', 'nin\u0303o/c.jpg', 'x\\y\\d.jpg'])
  for (const file of ['x/2020/a.jpg', 'x\\2020\\a.jpg']) expect(find(file)).toEqual(['a.jpg', '2019/a.jpg'])
  expect(find('x/2020/b.jpg')).toEqual(['b.jpg'])
  // Names may be written as Windows does too, and with accents as they like.
  expect(find('far/x/y/d.jpg')).toEqual(['x\\y\\d.jpg'])
  expect(find('d.jpg')).toEqual(['x\\y\\d.jpg'])
  expect(find('photos\\ni\u00f1o\\c.jpg')).toEqual(['nin\u0303o/c.jpg'])
  expect(find('')).toEqual([])
})

it('finds a name that capitals alone tell apart, as it is written', () => {
  const find = alikeFinder(['2019/IMG_1.JPG', '2019/b.jpg', '2020/B.jpg', 'CAF\u00c9.jpg'])
  for (const file of ['IMG_1.jpg', 'photos/2019/img_1.JPG', '2019/IMG_1.JPG'])
    expect(find(file)).toBe('2019/IMG_1.JPG')
  expect(find('cafe\u0301.JPG')).toBe('CAF\u00c9.jpg')
  for (const file of ['b.JPG', 'none.jpg']) expect(find(file)).toBeUndefined()
})
