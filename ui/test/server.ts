import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the server listens. */
    http: string;
    otlpHttp: string;
    otlpGrpc: string;
    clew: string;
  }
}

const clew = process.env.CLEW ?? join(import.meta.dirname, '../../bin/clew');

/** Starts a server on free ports with an empty folder, and fills it with some seconds of the demo shop. */
export default async function setup(project: TestProject) {
  const server = await startServer();
  for (const name of ['http', 'otlpHttp', 'otlpGrpc'] as const) project.provide(name, server[name]);
  project.provide('clew', clew);
  await run(clew, ['demo', '--endpoint', server.otlpGrpc.replace('http://', ''), '--rate', '2000', '--duration', '3s']);
  return server.stop;
}

export interface Server {
  http: string;
  otlpHttp: string;
  otlpGrpc: string;
  stop: () => Promise<void>;
}

const listeners = { http: 'http', otlpHttp: 'otlp-http', otlpGrpc: 'otlp-grpc' } as const;

/** Another server: for an empty store, or with flags of its own. */
export async function startServer(program = clew, ...flags: string[]): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'clew-journeys-'));
  const off = ['grpc', 'tempo', 'zipkin', 'jaeger-grpc', 'jaeger-thrift-http', 'jaeger-compact', 'jaeger-binary', 'sampling-http', 'sampling-grpc'];
  const args = [
    'serve',
    `--data-dir=${folder}`,
    ...Object.values(listeners).map((name) => `--listen.${name}=127.0.0.1:0`),
    ...off.map((name) => `--listen.${name}=off`),
    ...flags,
  ];
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const addresses = await readAddresses(child);
  const stop = async () => {
    child.kill('SIGTERM');
    if (child.exitCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
  const at = (name: string) => `http://${addresses.get(name)}`;
  return { http: at(listeners.http), otlpHttp: at(listeners.otlpHttp), otlpGrpc: at(listeners.otlpGrpc), stop };
}

/** The log tells the address of each listener. */
async function readAddresses(child: ChildProcess): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const lines: string[] = [];
  if (!child.stderr) throw new Error('no log');
  for await (const line of createInterface(child.stderr)) {
    lines.push(line);
    const match = / listener=(\S+) address=(\S+)/.exec(line);
    if (match?.[1] && match[2]) found.set(match[1], match[2]);
    if (Object.values(listeners).every((name) => found.has(name))) {
      child.stderr.resume(); // nobody reads on
      return found;
    }
  }
  throw new Error(`the server did not start:\n${lines.join('\n')}`);
}

async function run(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${code}`);
}
