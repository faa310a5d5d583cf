/** Most pixels that an element may be high in every browser. A longer list is scrolled by more than its scroll bar moves. */
const tallest = 8_000_000;

/** Which of many rows of one height are in sight. */
export class Viewport {
  /** Pixels above what is in sight. */
  top = 0;
  height = 0;
  count = 0;

  constructor(public rowHeight: number) {}

  get content(): number {
    return this.count * this.rowHeight;
  }

  /** Height of the element that makes the scroll bar. */
  get spacer(): number {
    return Math.min(this.content, tallest);
  }

  /** Whether the scroll bar moves less than the rows. */
  get scaled(): boolean {
    return this.content > tallest;
  }

  get first(): number {
    return Math.max(0, Math.floor(this.top / this.rowHeight));
  }

  /** Behind the last one in sight. */
  get end(): number {
    return Math.min(this.count, Math.ceil((this.top + this.height) / this.rowHeight));
  }

  y(place: number): number {
    return place * this.rowHeight - this.top;
  }

  placeAt(y: number): number {
    const place = Math.floor((this.top + y) / this.rowHeight);
    return place >= 0 && place < this.count ? place : -1;
  }

  scrollTo(top: number): void {
    this.top = Math.min(Math.max(0, top), Math.max(0, this.content - this.height));
  }

  /** Takes over where the scroll bar is. */
  fromBar(scrollTop: number): void {
    this.scrollTo(this.scaled ? (scrollTop * (this.content - this.height)) / Math.max(1, this.spacer - this.height) : scrollTop);
  }

  /** Where the scroll bar has to be. */
  bar(): number {
    return this.scaled ? (this.top * (this.spacer - this.height)) / Math.max(1, this.content - this.height) : this.top;
  }

  /** Scrolls as little as brings a row into sight, with two more around it; far away, to the middle. */
  show(place: number): void {
    const y = place * this.rowHeight;
    const margin = Math.min(2 * this.rowHeight, Math.max(0, (this.height - this.rowHeight) / 2));
    const far = y < this.top - this.height || y > this.top + 2 * this.height;
    if (far) this.scrollTo(y - (this.height - this.rowHeight) / 2);
    else if (y < this.top + margin) this.scrollTo(y - margin);
    else if (y + this.rowHeight > this.top + this.height - margin) this.scrollTo(y + this.rowHeight + margin - this.height);
  }
}
