// Drawn on a grid of 16 with lines of 1.5.
const paths = {
  clew: 'M8 2a6 6 0 1 1-6 6 6 6 0 0 1 6-6M2.600 6C6 5 10 7.500 11.500 12.700M2.300 9.500c3-1.500 6 0 7.500 4M5.500 2.700c3.500.300 6.500 2.800 8 6M12.500 12l1.800 2.300',
  search: 'M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9M10.300 10.300 14 14',
  settings: 'M2 4.500h6.500M12.500 4.500H14M2 11.500h1.500M7.500 11.500H14M10.500 2.700a1.800 1.800 0 1 1 0 3.600 1.800 1.800 0 0 1 0-3.600M5.500 9.700a1.800 1.800 0 1 1 0 3.600 1.800 1.800 0 0 1 0-3.600',
  keyboard: 'M1.800 4h12.400v8H1.800zM4.500 6.600h.01M7 6.600h.01M9.500 6.600h.01M12 6.600h.01M5 9.500h6',
  close: 'M3.500 3.500l9 9M12.500 3.500l-9 9',
  check: 'M3 8.500l3.500 3.500L13 4.500',
  chevronDown: 'M4 6l4 4 4-4',
  chevronLeft: 'M10 4l-4 4 4 4',
  chevronRight: 'M6 4l4 4-4 4',
  chevronUp: 'M4 10l4-4 4 4',
  refresh: 'M13 8a5 5 0 1 1-1.500-3.500M13 2.500v3h-3',
  clock: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 4.500V8l2.500 1.500',
  star: 'M8 2l1.800 3.900 4.200.500-3.100 2.900.800 4.200L8 11.400l-3.700 2.100.800-4.200L2 6.400l4.200-.500z',
  columns: 'M2 3h12v10H2zM6 3v10M10 3v10',
  copy: 'M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3',
  link: 'M7 9a2.800 2.800 0 0 0 4 0l2-2a2.800 2.800 0 0 0-4-4l-.800.800M9 7a2.800 2.800 0 0 0-4 0l-2 2a2.800 2.800 0 0 0 4 4l.800-.800',
  download: 'M8 2.500v7.500M4.800 7 8 10.200 11.200 7M2.500 13.500h11',
  upload: 'M8 10.500V3M4.800 6 8 2.800 11.200 6M2.500 13.500h11',
  filter: 'M2 3.500h12M4.500 8h7M6.500 12.500h3',
  exclude: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M5 8h6',
  include: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M5 8h6M8 5v6',
  pin: 'M6 2.500h4l-.500 4 2 2.500h-7l2-2.500zM8 9v4.500',
  warning: 'M8 2.500l6 10.500H2zM8 6.500v3M8 11.400h.01',
  error: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 5v3.500M8 10.900h.01',
  info: 'M8 2a6 6 0 1 1 0 12A6 6 0 0 1 8 2M8 7.500V11M8 5.100h.01',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  swap: 'M3 5.500h9M9.500 3 12 5.500 9.500 8M13 10.500H4M6.500 8 4 10.500 6.500 13',
  arrowRight: 'M3 8h10M9 4l4 4-4 4',
  external: 'M9 3h4v4M13 3 7.500 8.500M11 9.500V13H3V5h3.500',
  zoomOut: 'M7 2.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9M10.300 10.300 14 14M5 7h4',
} as const;

export type IconName = keyof typeof paths;

/** A picture beside a text or in a button that has a label; it says nothing by itself. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden>
      <path d={paths[name]} />
    </svg>
  );
}
