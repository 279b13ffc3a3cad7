/** Icons: 24 by 24, drawn with lines in the colour of the text. */

const PATHS = {
  start: '<path d="M8 5.5v13l10.5-6.5z" fill="currentColor"/>',
  stop: '<rect x="6.5" y="6.5" width="11" height="11" rx="1.5" fill="currentColor"/>',
  pause: '<path d="M9 6v12M15 6v12" stroke-width="2.6"/>',
  resume: '<path d="M6 6v12" stroke-width="2.6"/><path d="M10.5 6v12l8.5-6z" fill="currentColor"/>',
  reset: '<path d="M4.5 12a7.5 7.5 0 1 0 2.6-5.7L4.5 8.6"/><path d="M4.5 4.5v4.1h4.1"/>',
  record: '<circle cx="12" cy="12" r="8"/><circle cx="12" cy="12" r="4" fill="currentColor" stroke="none"/>',
  drag: '<path d="M12 3.5v17M3.5 12h17M12 3.5 9.6 6M12 3.5 14.4 6M12 20.5 9.6 18M12 20.5l2.4-2.5M3.5 12 6 9.6M3.5 12 6 14.4M20.5 12 18 9.6M20.5 12 18 14.4"/>',
  pin: '<path d="M12 21v-6M8 4h8l-1 5.2 2.6 3.1c.5.7.1 1.7-.8 1.7H7.200c-.9 0-1.3-1-.8-1.700L9 9.200z"/>',
  path: '<circle cx="5" cy="18" r="2"/><path d="M7 18c7 .3 2.3-11 10-11"/><path d="m14.5 4 3.5 3-3.5 3"/>',
  brush: '<path d="M19.8 4.200c-3 .8-7.4 4.8-9.8 8.300l1.7 1.700c3.5-2.5 7.4-7 8.1-10zM9 13.700c-2 0-3.2 1.1-3.4 2.9-.1 1.2-.7 2-1.9 2.4 3.3 1.4 7 .3 7.1-3.3"/>',
  erase: '<path d="m8.5 19.5-4-4a1.6 1.6 0 0 1 0-2.300l8.7-8.700a1.6 1.6 0 0 1 2.3 0l4 4a1.6 1.6 0 0 1 0 2.300l-8.7 8.700zM8.5 19.500H20M9 9l6.5 6.5"/>',
  undo: '<path d="M8.5 5 4.5 9l4 4"/><path d="M4.5 9h9.500a5.5 5.5 0 0 1 0 11h-3.5"/>',
  redo: '<path d="m15.5 5 4 4-4 4"/><path d="M19.5 9H10a5.5 5.5 0 0 0 0 11h3.5"/>',
  clear: '<path d="M5 7h14M9.5 7V4.500h5V7M7 7l.8 12.500h8.400L17 7M10.3 10.500v5.500M13.7 10.500v5.5"/>',
  save: '<path d="M12 4v10.500M7.8 10.5 12 14.700l4.2-4.200M5 16v3.500h14V16"/>',
  load: '<path d="M12 14.700V4.200M7.8 8.2 12 4l4.2 4.200M5 16v3.500h14V16"/>',
  overlay: '<circle cx="6" cy="7" r="1.7" fill="currentColor"/><circle cx="6" cy="17" r="1.7" fill="currentColor"/><path d="M9.5 7c4 0 5-2.5 9.5-2.500M9.5 17c4 0 5-2.5 9.5-2.5"/>',
  told: '<path d="M2.8 12C5 7.8 8.3 5.8 12 5.800s7 2 9.2 6.200c-2.2 4.2-5.5 6.2-9.2 6.200S5 16.2 2.8 12z"/><circle cx="12" cy="12" r="2.8"/>',
  full: '<path d="M4.5 9V4.500H9M15 4.500h4.500V9M19.5 15v4.500H15M9 19.500H4.500V15"/>',
  help: '<circle cx="12" cy="12" r="8.5"/><path d="M9.6 9.600c.2-1.4 1.1-2.1 2.5-2.100s2.5.8 2.5 2.100c0 1.9-2.6 1.9-2.6 3.900M12 16.300v.1"/>',
  picture: '<rect x="3.5" y="5" width="17" height="14" rx="2"/><circle cx="9" cy="10" r="1.6"/><path d="m4.5 17.5 4.7-4.3 3 2.6 3.6-3.8 4 4"/>',
  dice: '<rect x="4.5" y="4.5" width="15" height="15" rx="3"/><path d="M9 9v.1M15 9v.1M12 12v.1M9 15v.1M15 15v.1" stroke-width="2.4"/>',
};

export function icon(name) {
  return `<svg viewBox="0 0 24 24" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">${PATHS[name]}</svg>`;
}
