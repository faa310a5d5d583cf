import { DropdownMenu as Radix } from 'radix-ui';
import type { ReactElement, ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

/** A button, and the menu that it opens. */
export function Menu({ trigger, children, align = 'end' }: { trigger: ReactElement; children: ReactNode; align?: 'start' | 'end' }) {
  return (
    // Not modal: locking the page would need an inline style sheet, which the Content-Security-Policy forbids.
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className="menu" align={align} sideOffset={4} collisionPadding={8}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

export interface MenuItemProps {
  label: ReactNode;
  icon?: IconName;
  disabled?: boolean;
  onSelect: () => void;
}

export function MenuItem({ label, icon, disabled = false, onSelect }: MenuItemProps) {
  return (
    <Radix.Item className="menu-item" disabled={disabled} onSelect={onSelect}>
      <span className="menu-mark">{icon && <Icon name={icon} />}</span>
      {label}
    </Radix.Item>
  );
}

/** One that is on or off. keepOpen: for choosing several. */
export function MenuChoice({ label, checked, keepOpen = false, onSelect }: { label: ReactNode; checked: boolean; keepOpen?: boolean; onSelect: () => void }) {
  return (
    <Radix.CheckboxItem
      className="menu-item"
      checked={checked}
      onSelect={(e) => {
        if (keepOpen) e.preventDefault();
        onSelect();
      }}
    >
      <span className="menu-mark">{checked && <Icon name="check" />}</span>
      {label}
    </Radix.CheckboxItem>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="menu-label">{children}</Radix.Label>;
}

export function MenuSeparator() {
  return <Radix.Separator className="menu-separator" />;
}
