import { type Command, Option } from 'commander'
import { addEnvironmentFlags, type EnvironmentFlag, environmentOf } from '../environment-flags.ts'
import { addEpilogue } from '../epilogue.ts'

export const injectFlags: readonly EnvironmentFlag[] = [
  [
    '--sidecar-image <IMAGE>',
    'WEFT_SIDECAR_IMAGE',
    'of the sidecar; weft/sidecar with this version by default',
  ],
  [
    '--init-image <IMAGE>',
    'WEFT_INIT_IMAGE',
    'of the init container; weft/init with this version by default',
  ],
  ['--image-pull-policy <POLICY>', 'WEFT_IMAGE_PULL_POLICY', 'IfNotPresent, Always or Never'],
  ['--control-plane <HOST:PORT>', 'WEFT_CONTROL_PLANE', 'what the sidecars dial'],
  ['--control-plane-name <NAME>', 'WEFT_CONTROL_PLANE_NAME', 'the DNS name that its certificate must carry'],
  ['--trust-domain <NAME>', 'WEFT_TRUST_DOMAIN', 'cluster.local by default'],
]

export function addInject(program: Command): void {
  const command = program
    .command('inject')
    .summary('add the sidecar to the pods of a file, as the webhook would')
    .description(
      'Writes the Kubernetes objects of a file to standard output, with the sidecar in every pod and pod template, by ' +
        'the code that the webhook runs; everything else passes through as it is. It asks no cluster. A flag wins over ' +
        'its environment variable.',
    )
    .requiredOption('-f, --filename <FILE>', 'YAML or JSON, also several documents; - for standard input')
    .addOption(
      new Option('-o, --output <FORMAT>', 'how to write the objects')
        .choices(['yaml', 'json'])
        .default('yaml'),
    )
    .addOption(
      new Option('--pod-security <LEVEL>', 'the Pod Security level that the pods’ namespace enforces')
        .choices(['privileged', 'baseline', 'restricted'])
        .default('privileged'),
    )
  addEnvironmentFlags(command, injectFlags).action(async ({ filename, output, podSecurity }: Options) => {
    const { injectFile } = await import('../../injector/offline/inject-file.ts')
    process.exitCode = await injectFile({ file: filename, output, podSecurity, env: environmentOf(command) })
  })
  addEpilogue(command, {
    text: `
What became of each pod, and every warning, goes to standard error. A pod that
is refused leaves standard output empty, so that nothing half injected can be
applied. Pods that were injected before stay as they are.`,
    examples: [
      ['weft inject -f shop.yaml', 'what would run'],
      ['weft inject -f shop.yaml | kubectl apply -f -', 'without the label'],
      ['kubectl get deploy web -o yaml | weft inject -f - | kubectl apply -f -', 'one that runs already'],
      ['weft inject -f pod.yaml --pod-security baseline', 'would it be refused?'],
      ['weft inject -f pod.yaml -o json', 'for a program'],
    ],
    statuses: { 0: 'done', 1: 'a pod was refused', 2: 'a bad command line, setting or file' },
  })
}

interface Options {
  readonly filename: string
  readonly output: 'yaml' | 'json'
  readonly podSecurity: 'privileged' | 'baseline' | 'restricted'
}
