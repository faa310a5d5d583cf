import { tokenColour } from '../app/theme';
import { toCanvas, type Camera, type Size } from './camera';
import { severity, type GraphNode, type Severity } from './graph';
import { boxHeight, type Picture } from './picture';

/** Words are what is written at nodes and edges; the picture itself knows numbers only. */
export interface Words {
  /** The second line of each node's box. */
  nodes: readonly string[];
  /** The nodes whose second line is of failures. */
  failing: ReadonlySet<number>;
  /** At the middle of each edge. */
  edges: readonly string[];
}

/** Shown says what stands out. */
export interface Shown {
  /** All but these are pale, if there are any. */
  nodes: ReadonlySet<number> | undefined;
  edges: ReadonlySet<number> | undefined;
  selectedNode: number | undefined;
  selectedEdge: number | undefined;
  /** The node in focus. */
  centre: number | undefined;
}

/** Below the first scale boxes have no second line; below the second they are marks, and names stand beside the busiest. */
const scaleOfDetails = 0.68;
const scaleOfBoxes = 0.6;
/** So many edges have their words at most, and so many nodes their names beside their marks. */
const edgesWithWords = 60;
const namesBeside = 50;
/** Above this the marks of services have no colours of their own: nobody tells so many apart, and failures stand out. */
const colouredMarks = 80;

const edgeTokens: Record<Severity, string> = { none: '--line-strong', some: '--warning', many: '--error' };

/** Pen draws one frame. */
export class Pen {
  private readonly colours = new Map<string, string>();

  constructor(
    private readonly ctx: CanvasRenderingContext2D,
    private readonly size: Size,
    private readonly camera: Camera,
    private readonly picture: Picture,
    private readonly words: Words,
    private readonly shown: Shown,
    private readonly font: string,
    private readonly colourOf: (service: string) => string,
  ) {}

  draw(): void {
    const { ctx, size, picture } = this;
    ctx.fillStyle = this.token('--surface');
    ctx.fillRect(0, 0, size.width, size.height);
    const { graph } = picture;
    const edges = [...graph.edges.keys()].sort((a, b) => this.weight(a) - this.weight(b));
    for (const i of edges) this.edge(i);
    const nodes = [...graph.nodes.keys()].filter((i) => this.visible(i));
    for (const i of nodes) if (!this.bright(i)) this.node(i);
    for (const i of nodes) if (this.bright(i)) this.node(i);
    ctx.globalAlpha = 1;
    if (this.camera.scale < scaleOfBoxes) this.names();
    this.edgeWords(edges.reverse());
  }

  /** weight orders edges: the lit and failing ones are drawn over the others. */
  private weight(i: number): number {
    const lit = this.shown.edges?.has(i) ? 10 : 0;
    const bad = { none: 0, some: 1, many: 2 }[this.picture.severity[i]!];
    return lit + bad + (this.shown.selectedEdge === i ? 20 : 0);
  }

  private token(name: string): string {
    let colour = this.colours.get(name);
    if (colour === undefined) this.colours.set(name, (colour = tokenColour(name)));
    return colour;
  }

  private bright(node: number): boolean {
    return this.shown.nodes === undefined || this.shown.nodes.has(node);
  }

  private visible(node: number): boolean {
    const { layout } = this.picture;
    const at = toCanvas(this.camera, this.size, { x: layout.x[node]!, y: layout.y[node]! });
    const [w, h] = [layout.half[node]! * this.camera.scale + 20, (boxHeight / 2) * this.camera.scale + 20];
    return at.x > -w && at.x < this.size.width + w && at.y > -h && at.y < this.size.height + h;
  }

  private edge(i: number): void {
    const { ctx, camera, size, picture, shown } = this;
    const lit = shown.edges === undefined || shown.edges.has(i);
    const selected = shown.selectedEdge === i;
    const crowded = picture.graph.edges.length > 300 && shown.edges === undefined;
    const kind = picture.severity[i]!;
    ctx.globalAlpha = lit ? (crowded ? (kind === 'none' ? 0.3 : 0.75) : kind === 'none' ? 0.65 : 0.9) : 0.07;
    ctx.strokeStyle = ctx.fillStyle = this.token(selected ? '--accent' : edgeTokens[kind]);
    const width = Math.max(0.6, picture.thickness[i]! * Math.min(1, 0.35 + camera.scale * 0.65)) + (selected ? 1.5 : 0);
    ctx.lineWidth = width;
    ctx.setLineDash(picture.graph.edges[i]!.data.connection === 'messaging' ? [6, 4] : []);
    const c = picture.curves[i]!;
    const place = (at: number) => toCanvas(camera, size, { x: c[at]!, y: c[at + 1]! });
    ctx.beginPath();
    for (let at = 0; at < c.length; at += 2) {
      const p = place(at);
      if (at === 0) ctx.moveTo(p.x, p.y);
      else ctx.lineTo(p.x, p.y);
    }
    ctx.stroke();
    ctx.setLineDash([]);
    if (lit && !crowded) this.arrow(place(c.length - 4), place(c.length - 2), 5 + width * 1.6);
  }

  private arrow(from: { x: number; y: number }, to: { x: number; y: number }, length: number): void {
    const { ctx } = this;
    const angle = Math.atan2(to.y - from.y, to.x - from.x);
    ctx.beginPath();
    ctx.moveTo(to.x, to.y);
    for (const side of [0.5, -0.5]) ctx.lineTo(to.x - length * Math.cos(angle + side), to.y - length * Math.sin(angle + side));
    ctx.globalAlpha = 1;
    ctx.fill();
  }

  private node(i: number): void {
    const { ctx, camera, picture, shown } = this;
    const node = picture.graph.nodes[i]!;
    const at = toCanvas(camera, this.size, { x: picture.layout.x[i]!, y: picture.layout.y[i]! });
    const [w, h] = [picture.layout.half[i]! * 2 * camera.scale, boxHeight * camera.scale];
    const [left, top] = [at.x - w / 2, at.y - h / 2];
    ctx.globalAlpha = this.bright(i) ? 1 : 0.22;
    ctx.setLineDash(node.kind === 'external' ? [4, 3] : []);
    outline(ctx, node.kind, left, top, w, h);
    const boxes = camera.scale >= scaleOfBoxes;
    const failing = node.kind === 'service' && severity(node.spans, node.errors) === 'many';
    const coloured = boxes || picture.graph.nodes.length <= colouredMarks;
    const own = node.kind === 'service' && coloured ? this.colourOf(node.name) : this.token(failing ? '--error' : '--muted');
    ctx.fillStyle = boxes ? this.token('--raised') : own;
    if (!coloured) ctx.globalAlpha *= failing ? 0.75 : 0.4;
    ctx.fill();
    const marked = shown.selectedNode === i || shown.centre === i;
    ctx.strokeStyle = marked ? this.token('--accent') : failing ? this.token('--error') : boxes ? this.token('--line-strong') : own;
    ctx.lineWidth = marked ? 2.5 : failing ? 1.5 : 1;
    ctx.stroke();
    ctx.setLineDash([]);
    if (boxes) this.boxText(i, node, own, left, at.y, w, h);
  }

  private boxText(i: number, node: GraphNode, own: string, left: number, middle: number, w: number, h: number): void {
    const { ctx, camera } = this;
    const s = camera.scale;
    const details = s >= scaleOfDetails && this.words.nodes[i] !== '';
    const inset = 12 * s;
    if (node.kind === 'service') {
      ctx.fillStyle = own;
      ctx.beginPath();
      ctx.roundRect(left + 4 * s, middle - h / 2 + 5 * s, 4 * s, h - 10 * s, 2 * s);
      ctx.fill();
    }
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'left';
    ctx.fillStyle = this.token('--ink');
    ctx.font = `550 ${Math.max(9, 12 * s)}px ${this.font}`;
    const room = w - inset * 2;
    if (node.kind === 'database') middle += 4 * s; // below the lid
    ctx.fillText(fitted(ctx, node.name, room), left + inset + 2 * s, middle - (details ? 7 * s : 0));
    if (!details) return;
    ctx.font = `${10.5 * s}px ${this.font}`;
    ctx.fillStyle = this.token(this.words.failing.has(i) ? '--error' : '--muted');
    ctx.fillText(fitted(ctx, this.words.nodes[i]!, room), left + inset + 2 * s, middle + 8 * s);
  }

  /** names writes those of the busiest nodes, where there is room. */
  private names(): void {
    const { ctx, camera, picture, shown } = this;
    ctx.font = `600 11px ${this.font}`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'center';
    const taken: { left: number; right: number; y: number }[] = [];
    const rows = shown.nodes ? [...picture.byTraffic].filter((i) => shown.nodes!.has(i)) : picture.byTraffic;
    for (const i of rows) {
      if (!this.visible(i)) continue;
      const at = toCanvas(camera, this.size, { x: picture.layout.x[i]!, y: picture.layout.y[i]! });
      const name = fitted(ctx, picture.graph.nodes[i]!.name, 180);
      const half = ctx.measureText(name).width / 2 + 4;
      const x = Math.max(half, Math.min(this.size.width - half, at.x));
      const box = { left: x - half, right: x + half, y: at.y + (boxHeight / 2) * camera.scale + 7 };
      if (taken.some((t) => Math.abs(t.y - box.y) < 16 && t.left < box.right && box.left < t.right)) continue;
      taken.push(box);
      this.haloed(name, x, box.y, '--ink');
      if (taken.length >= namesBeside) return;
    }
  }

  /** edgeWords writes the latencies of edges, the important ones first, where there is room. */
  private edgeWords(order: number[]): void {
    const { ctx, camera, picture, shown, words } = this;
    const lit = shown.edges !== undefined;
    if (camera.scale < (lit ? scaleOfBoxes : scaleOfDetails) || (!lit && order.length > edgesWithWords)) return;
    ctx.font = `10.5px ${this.font}`;
    ctx.textBaseline = 'middle';
    ctx.textAlign = 'center';
    const taken: { x: number; y: number }[] = [];
    for (const i of order) {
      if (words.edges[i] === '' || (lit && !shown.edges!.has(i))) continue;
      const c = picture.curves[i]!;
      const middle = Math.floor(c.length / 4) * 2;
      const at = toCanvas(camera, this.size, { x: c[middle]!, y: c[middle + 1]! });
      if (taken.some((t) => Math.abs(t.x - at.x) < 62 && Math.abs(t.y - at.y) < 15)) continue;
      taken.push(at);
      this.haloed(words.edges[i]!, at.x, at.y, picture.severity[i] === 'none' ? '--ink' : edgeTokens[picture.severity[i]!]);
      if (taken.length >= edgesWithWords) return;
    }
  }

  /** haloed writes a text that can be read above lines. */
  private haloed(text: string, x: number, y: number, ink: string): void {
    const { ctx } = this;
    ctx.globalAlpha = 1;
    ctx.lineJoin = 'round';
    ctx.lineWidth = 4;
    ctx.strokeStyle = this.token('--surface');
    ctx.strokeText(text, x, y);
    ctx.fillStyle = this.token(ink);
    ctx.fillText(text, x, y);
  }
}

/** outline is the shape that says what a node is: a box, a drum, a pipe or a dashed pill. */
function outline(ctx: CanvasRenderingContext2D, kind: GraphNode['kind'], x: number, y: number, w: number, h: number): void {
  ctx.beginPath();
  switch (kind) {
    case 'service':
      ctx.roundRect(x, y, w, h, Math.min(6, h / 4));
      return;
    case 'database': {
      const lid = h / 10;
      ctx.moveTo(x, y + lid);
      ctx.ellipse(x + w / 2, y + lid, w / 2, lid, 0, Math.PI, 3 * Math.PI);
      ctx.moveTo(x, y + lid);
      ctx.lineTo(x, y + h - lid);
      ctx.ellipse(x + w / 2, y + h - lid, w / 2, lid, 0, Math.PI, 0, true);
      ctx.lineTo(x + w, y + lid);
      return;
    }
    case 'messaging': {
      const end = h / 6;
      ctx.moveTo(x + w - end, y);
      ctx.ellipse(x + w - end, y + h / 2, end, h / 2, 0, -Math.PI / 2, 1.5 * Math.PI);
      ctx.lineTo(x + end, y);
      ctx.ellipse(x + end, y + h / 2, end, h / 2, 0, -Math.PI / 2, Math.PI / 2, true);
      ctx.lineTo(x + w - end, y + h);
      return;
    }
    default:
      ctx.roundRect(x, y, w, h, h / 2);
  }
}

/** fitted is a text, cut with an ellipsis where it would be too wide. */
export function fitted(ctx: Pick<CanvasRenderingContext2D, 'measureText'>, text: string, room: number): string {
  if (text.length < 200 && ctx.measureText(text).width <= room) return text;
  let [lo, hi] = [0, Math.min(text.length, 200)];
  while (lo < hi) {
    const mid = Math.ceil((lo + hi) / 2);
    if (ctx.measureText(text.slice(0, mid) + '…').width <= room) lo = mid;
    else hi = mid - 1;
  }
  return text.slice(0, lo) + '…';
}
