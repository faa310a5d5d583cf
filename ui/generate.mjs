// Writes src/api/schema.ts, the types of the server's API, from api/openapi.json;
// with --check it only says whether that is to be done.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const target = new URL('src/api/schema.ts', import.meta.url);
const types = astToString(await openapiTS(new URL('../api/openapi.json', import.meta.url)));
const text = `// Code generated from api/openapi.json by "npm run generate"; DO NOT EDIT.\n\n${types}`;

if (!process.argv.includes('--check')) {
  await writeFile(target, text);
} else if ((await readFile(target, 'utf8').catch(() => '')) !== text) {
  process.stderr.write('src/api/schema.ts is not what api/openapi.json says: run "npm run generate"\n');
  process.exitCode = 1;
}
