import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

export interface Tab {
  value: string;
  label: ReactNode;
}

export interface TabsProps {
  label: string;
  tabs: readonly Tab[];
  value: string;
  onChange: (value: string) => void;
  /** The content of the tab that is shown. */
  children: ReactNode;
}

export function Tabs({ label, tabs, value, onChange, children }: TabsProps) {
  return (
    <Radix.Root className="tabs" value={value} onValueChange={onChange}>
      <Radix.List className="tab-list" aria-label={label}>
        {tabs.map((t) => (
          <Radix.Trigger key={t.value} className="tab" value={t.value}>
            {t.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      <Radix.Content key={value} className="tab-content" value={value}>
        {children}
      </Radix.Content>
    </Radix.Root>
  );
}
