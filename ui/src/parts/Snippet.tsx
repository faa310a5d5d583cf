import { CopyButton } from './CopyButton';

/** Code to be copied. */
export function Snippet({ code }: { code: string }) {
  return (
    <div className="snippet">
      <pre tabIndex={0}>{code}</pre>
      <CopyButton text={code} />
    </div>
  );
}
