import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { temporaryFolder } from './temporary.test.folder.js'

const ROOT = import.meta.dirname

interface Manifest {
  readonly files: readonly string[]
  readonly preferUnplugged?: boolean
  readonly sideEffects: readonly string[]
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly dependencies: Readonly<Record<string, string>>
}

const manifest: Manifest = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8'))

/** What programs may import. A name more is one more promise, and one that goes breaks them. */
const ENTRIES = [
  {
    entry: '.',
    values: 'ShowtellError loadCaptioner',
    types:
      'Caption CaptionEngine CaptionRequest CaptionedPhoto Captioner CaptionerOptions ErrorCode ImageInput ' +
      'ModelDescription ModelEvent',
  },
  {
    entry: './metrics',
    values:
      'CiderScorer DocumentFrequencies FUNCTION_WORDS ShowtellError UsedPhrases bootstrapIntervals breaksOff ' +
      'compareScores createMeteor gendersOf histogram indexSynonyms isContentWord objectsOf parseGroups ' +
      'readParaphrases repeatedWords scoreBleu scoreCaptions scoreCider scoreConfidence scoreDiversity scoreGender ' +
      'scoreHumans scoreObjects scoreRouge scoreSubjects scoreTokens tokenize',
    types:
      'BootstrapOptions Calibration Comparison ConfidenceBin DiversityScores ErrorCode Gender GenderScores ' +
      'HumanScores Interval Meteor MeteorResources ObjectGroups ObjectMention ObjectScores Paraphrases ScoreOptions ' +
      'Scores SubjectScore SubjectScores SynonymTable Synonyms',
  },
  { entry: './metrics/meteor', values: 'loadMeteorResources', types: 'MeteorOptions' },
].map((one, i) => ({ ...one, name: `entry-${i}` }))

/** Imports the types of an entry and prints what else it has. */
function programOf({ entry, types }: (typeof ENTRIES)[number]): string {
  const from = `from '${entry.replace('.', 'showtell')}'`
  return `import * as all ${from}
import type { ${types.replaceAll(' ', ', ')} } ${from}
console.log(Object.keys(all).join(' '))
`
}

/** The README's programs, and what it says that they print. */
const PROGRAMS = Array.from(
  (await readFile(join(ROOT, 'README.md'), 'utf8')).matchAll(
    /^```ts\n([\s\S]*?)^```\n(?:\n```\n([\s\S]*?)^```\n)?/gm,
  ),
  ([, program = '', output], i) => ({ name: `program-${i}`, program, output }),
)

/** A user's, with the package and its dependencies: its types find there no package that only its developers have. */
const project = temporaryFolder('project')

/** What a file of it prints. */
async function run(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, args, { cwd: project })).stdout
}

/** What the compiler says of it. */
let complaints: string

beforeAll(async () => {
  const at = (name: string): string => join(project, 'node_modules', name)
  const link = async (target: string, name: string): Promise<void> => {
    await mkdir(dirname(at(name)), { recursive: true })
    await symlink(join(ROOT, target), at(name), 'junction')
  }
  await link('dist', 'showtell/dist')
  await copyFile(join(ROOT, 'package.json'), at('showtell/package.json'))
  for (const name of Object.keys(manifest.dependencies)) await link(`node_modules/${name}`, name)
  const compilerOptions = {
    target: 'ES2023',
    module: 'NodeNext',
    strict: true,
    skipLibCheck: false,
    preserveSymlinks: true,
    types: [],
    rootDir: '.',
    outDir: 'out',
  }
  const sources = [
    ['package.json', '{ "type": "module" }'],
    ['tsconfig.json', JSON.stringify({ compilerOptions, include: ['*.ts'] })],
    ...ENTRIES.map((entry) => [`${entry.name}.ts`, programOf(entry)]),
    ...PROGRAMS.map(({ name, program }) => [`${name}.ts`, program]),
  ] as const
  for (const [name, text] of sources) await writeFile(join(project, name!), text!)
  complaints = await run(join(ROOT, 'node_modules/typescript/bin/tsc')).catch(({ stdout }) => stdout)
})

test("the README's programs and the types that are promised compile, those of the package looked through", () => {
  expect(PROGRAMS.length).toBeGreaterThan(2)
  expect(complaints).toBe('')
})

test.each(ENTRIES)('the package has what is promised at $entry', async ({ name, values }) => {
  expect(await run(`out/${name}.js`)).toBe(`${values}\n`)
})

test.each(
  PROGRAMS.filter(({ program, output }) => output !== undefined && program.includes('showtell/metrics')),
)('the score that the README has for $name is what it prints', async ({ name, output }) => {
  expect(Number(await run(`out/${name}.js`))).toBeCloseTo(Number(output), 12)
})

test('every entry is promised above, and what package.json names is there and published', () => {
  const { files, exports, sideEffects } = manifest
  const entries = Object.keys(exports).filter((entry) => !/\*|\.json$/.test(entry))
  expect(entries).toEqual(ENTRIES.map(({ entry }) => entry))
  const targets = Object.values(exports).flatMap((target) =>
    typeof target === 'string' ? target : Object.values(target),
  )
  for (const target of [...targets, ...sideEffects]) {
    const path = target.replace('/*', '')
    expect(['package.json', ...files], target).toContain(path.split('/')[1])
    expect(existsSync(join(ROOT, path)), target).toBe(true)
  }
})

test('installers unpack the package: onnxruntime opens no file in an archive', () => {
  expect(manifest.preferUnplugged).toBe(true)
})
