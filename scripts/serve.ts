import { type Command, Option } from 'commander'
import { emptySettings, readConfig, serve, settings, unknownVariables } from '../server/main.js'

/** `showtell serve`: captions over HTTP, with a web page. */
export function register(program: Command): void {
  const command = program
    .command('serve')
    .description('answer POST /v1/captions over HTTP and show a page to drop photos on')
  for (const { flag, variable, description, isSwitch, isList } of settings()) {
    const option = new Option(`${flag} ${isSwitch ? '[value]' : '<value>'}`, `${description} [${variable}]`)
    // Of a flag that comes again the last counts, but a list goes on.
    if (isList)
      option.argParser((value, before?: string) => (before === undefined ? value : `${before},${value}`))
    command.addOption(option)
  }
  command.action((flags: Record<string, string | true>) => {
    // Other commands end with whoever reads what they write; a service goes on without its log.
    process.stdout.removeAllListeners('error')
    return serve(readConfig(flags, process.env), {
      unknown: unknownVariables(process.env),
      empty: emptySettings(flags, process.env),
    })
  })
}
