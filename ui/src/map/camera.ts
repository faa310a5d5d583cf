/** Camera says which part of the picture is seen: a point of it at the centre of the canvas, and a scale. */
export interface Camera {
  x: number;
  y: number;
  /** Pixels of the screen for one of the picture. */
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

export const minScale = 0.02;
export const maxScale = 4;
const margin = 24;

/** fit shows all of a picture, never larger than it is. */
export function fit(picture: Size, canvas: Size): Camera {
  const scale = Math.min(
    1,
    Math.max(1, canvas.width - 2 * margin) / Math.max(1, picture.width),
    Math.max(1, canvas.height - 2 * margin) / Math.max(1, picture.height),
  );
  return { x: picture.width / 2, y: picture.height / 2, scale: Math.max(minScale, scale) };
}

/** zoom changes the scale by a factor so that what is at a place of the canvas stays there. */
export function zoom(c: Camera, canvas: Size, factor: number, at: { x: number; y: number }): Camera {
  const scale = Math.min(maxScale, Math.max(minScale, c.scale * factor));
  const held = toPicture(c, canvas, at);
  return {
    x: held.x - (at.x - canvas.width / 2) / scale,
    y: held.y - (at.y - canvas.height / 2) / scale,
    scale,
  };
}

/** pan moves what is seen by pixels of the screen. */
export function pan(c: Camera, dx: number, dy: number): Camera {
  return { ...c, x: c.x - dx / c.scale, y: c.y - dy / c.scale };
}

/** toPicture is the point of the picture that is seen at a place of the canvas. */
export function toPicture(c: Camera, canvas: Size, at: { x: number; y: number }): { x: number; y: number } {
  return { x: c.x + (at.x - canvas.width / 2) / c.scale, y: c.y + (at.y - canvas.height / 2) / c.scale };
}

/** toCanvas is the place of the canvas at which a point of the picture is seen. */
export function toCanvas(c: Camera, canvas: Size, at: { x: number; y: number }): { x: number; y: number } {
  return { x: (at.x - c.x) * c.scale + canvas.width / 2, y: (at.y - c.y) * c.scale + canvas.height / 2 };
}
