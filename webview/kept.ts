import { Component, type ComponentChild } from 'preact';

interface KeptProps {
  /** Whatever the place and the look of it depend on that the user changes. */
  readonly placed: string;
  /** False where nobody sees it: then it stays as it is. */
  readonly fresh: boolean;
  readonly children: () => ComponentChild;
}

/** A part of a long list, drawn anew only where it is seen or where the user has changed something about it. */
export class Kept extends Component<KeptProps> {
  override shouldComponentUpdate({ placed, fresh }: KeptProps): boolean {
    return fresh || placed !== this.props.placed;
  }

  render({ children }: KeptProps): ComponentChild {
    return children();
  }
}
