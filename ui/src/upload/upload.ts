import { answer, api, ApiError, type Schemas } from '../api/client';

export type UploadAnswer = Schemas['UploadAnswer'];

/** The most that the server takes at once. */
const mostBytes = 64 * 1024 * 1024;

/** Names of files that have OTLP as protobuf; all others are text. */
const binary = /\.(bin|binpb|pb|proto|protobuf)$/i;

export interface Source {
  /** What it is called in messages. */
  name: string;
  content: Blob | string;
}

/** Asks the server to open the traces of a file. Nothing of it is stored. */
export function upload({ name, content }: Source, signal?: AbortSignal): Promise<UploadAnswer> {
  const size = typeof content === 'string' ? content.length : content.size;
  if (size > mostBytes) throw new ApiError('it is larger than 64 MiB, the most that can be opened at once', 0);
  const type = binary.test(name) ? 'application/x-protobuf' : 'application/json';
  return answer(api.POST('/uploads', { body: content as never, bodySerializer: (body: unknown) => body as BodyInit, headers: { 'Content-Type': type }, signal }));
}
