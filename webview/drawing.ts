import { type Palette, palette } from './charts/theme.ts';

const scale = 2;

/** A picture on the background of the theme that is set now, which ends as a PNG. */
export class Drawing {
  readonly colours: Palette = palette();
  private readonly canvas = document.createElement('canvas');
  private readonly context: CanvasRenderingContext2D;

  constructor(readonly width: number) {
    const context = this.canvas.getContext('2d');
    if (!context) throw new Error('This browser draws no pictures.');
    this.context = context;
  }

  /** Makes it so high, and empty. */
  begin(height: number): void {
    this.canvas.width = this.width * scale;
    this.canvas.height = height * scale;
    this.context.scale(scale, scale);
    this.fill(0, 0, this.width, height, this.colours.background);
    this.context.textBaseline = 'top';
  }

  write(text: string, x: number, y: number, size: number, colour: string, weight = '', most?: number): void {
    this.context.font = this.font(size, weight);
    this.context.fillStyle = colour;
    this.context.fillText(text, x, y, most);
  }

  fill(x: number, y: number, width: number, height: number, colour: string, opacity = 1): void {
    this.context.globalAlpha = opacity;
    this.context.fillStyle = colour;
    this.context.fillRect(x, y, width, height);
    this.context.globalAlpha = 1;
  }

  /** Another canvas, as large as fits. */
  image(image: HTMLCanvasElement, x: number, y: number, width: number, height: number): void {
    const fit = image.width > 0 && image.height > 0 ? Math.min(width / image.width, height / image.height) : 0;
    if (fit > 0) this.context.drawImage(image, x, y, image.width * fit, image.height * fit);
  }

  widthOf(text: string, size: number, weight = ''): number {
    this.context.font = this.font(size, weight);
    return this.context.measureText(text).width;
  }

  /** The lines of a text that is to be no wider than `most`. */
  wrap(text: string, most: number, size: number, weight = ''): string[] {
    const lines: string[] = [''];
    for (const word of text.split(' ')) {
      const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
      if (this.widthOf(longer, size, weight) > most) lines.push(word);
      else lines[lines.length - 1] = longer;
    }
    return lines;
  }

  /** Base64. */
  png(): string {
    return this.canvas.toDataURL('image/png').replace(/^data:image\/png;base64,/, '');
  }

  private font(size: number, weight: string): string {
    return `${weight} ${size}px ${this.colours.font || 'sans-serif'}`;
  }
}
