import { expected } from '../errors.js'

/** What `name=path` says. @param form how the option's help writes it. @throws ShowtellError INVALID_ARGUMENT. */
export function namedPath(given: string, form: string, option: string): [name: string, path: string] {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(given) ?? []
  if (name === undefined || path === undefined) throw expected(form, option, given)
  return [name, path]
}
