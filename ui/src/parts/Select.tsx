import type { ComponentPropsWithRef } from 'react';

export interface SelectProps<T extends string> extends Omit<ComponentPropsWithRef<'select'>, 'onChange' | 'value'> {
  label: string;
  value: T;
  options: readonly { value: T; label: string }[];
  onChange: (value: T) => void;
}

/** One of many, in the way of the platform. */
export function Select<T extends string>({ label, value, options, onChange, className = '', ...rest }: SelectProps<T>) {
  return (
    <select {...rest} className={`input select ${className}`} aria-label={label} value={value} onChange={(e) => onChange(e.target.value as T)}>
      {options.map((o) => (
        <option key={o.value} value={o.value}>
          {o.label}
        </option>
      ))}
    </select>
  );
}
