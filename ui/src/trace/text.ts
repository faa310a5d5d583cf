/** Text from outside, made fit to be seen. It is never more than text; these are about marks that would mislead. */

/** For a canvas: one line, not long, and no marks that turn it around. */
export function oneLine(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.slice(0, 160).replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\u00b7');
}

/** With the names of marks that would turn the order of what is read: "exe.png" may be "gnp.exe". */
export function unturned(text: string): string {
  return text.replace(/[\u202a-\u202e\u2066-\u2069]/g, (mark) => `‹U+${mark.charCodeAt(0).toString(16).toUpperCase()}›`);
}
