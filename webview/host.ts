/** The editor behind a webview: messages to it, and what survives a reload. */
export interface Host<Message> {
  postMessage(message: Message): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi<Message>(): Host<Message>;

/** Can be called once; what it gives is not to be made global. */
export const acquireHost = <Message>(): Host<Message> => acquireVsCodeApi<Message>();
