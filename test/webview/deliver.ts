import type { Page } from 'playwright-core';

/** Posts a message as the editor does, and returns when the page has received it and has drawn what it draws at once. */
export const deliver = (page: Page, message: unknown): Promise<void> =>
  page.evaluate((data) => {
    const view = globalThis as unknown as {
      addEventListener(type: 'message', listener: () => void, options: { once: true }): void;
      postMessage(message: unknown): void;
    };
    return new Promise<void>((resolve) => {
      // Heard after the page's own listener, so that its timers of the same delay are due first.
      view.addEventListener('message', () => setTimeout(resolve, 0), { once: true });
      view.postMessage(data);
    });
  }, message);
