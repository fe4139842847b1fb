export function concat(buffers: Iterable<Uint8Array>): Uint8Array<ArrayBuffer>;
