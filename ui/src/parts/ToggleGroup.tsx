import { ToggleGroup as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

export interface ToggleGroupProps<T extends string> {
  label: string;
  value: T;
  options: readonly { value: T; label: ReactNode }[];
  onChange: (value: T) => void;
}

/** One of a few, side by side. */
export function ToggleGroup<T extends string>({ label, value, options, onChange }: ToggleGroupProps<T>) {
  return (
    // Pressing the one that is on gives '': it stays on.
    <Radix.Root className="toggle-group" type="single" aria-label={label} value={value} onValueChange={(v) => v && onChange(v as T)}>
      {options.map((o) => (
        <Radix.Item key={o.value} className="toggle" value={o.value}>
          {o.label}
        </Radix.Item>
      ))}
    </Radix.Root>
  );
}
