import type { ComponentPropsWithRef } from 'react';
import { Icon, type IconName } from './Icon';
import { Tooltip } from './Tooltip';

export interface ButtonProps extends ComponentPropsWithRef<'button'> {
  variant?: 'normal' | 'primary' | 'quiet';
  icon?: IconName;
}

export function Button({ variant = 'normal', icon, children, className = '', ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button ${variant} ${className}`} {...rest}>
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface IconButtonProps extends Omit<ComponentPropsWithRef<'button'>, 'children'> {
  icon: IconName;
  label: string;
  /** A key that does the same. */
  shortcut?: string;
}

/** A button with a picture only; its label is read out and shown beside it. */
export function IconButton({ icon, label, shortcut, className = '', ...rest }: IconButtonProps) {
  return (
    <Tooltip text={shortcut ? `${label} (${shortcut})` : label}>
      <button type="button" className={`button quiet icon-button ${className}`} aria-label={label} {...rest}>
        <Icon name={icon} />
      </button>
    </Tooltip>
  );
}
