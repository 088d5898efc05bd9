// Runs in the workbench's page before its own scripts.
globalThis.rig = {
  /** The centre, in pixels, of an occurrence of a text in the rendered lines of an editor; null while it is not there. */
  textPoint(editor, text, occurrence) {
    let seen = 0;
    for (const line of editor.querySelectorAll('.view-lines .view-line')) {
      const { nodes, content } = textNodes(line);
      for (let at = content.indexOf(text); at >= 0; at = content.indexOf(text, at + 1)) {
        if (seen++ !== occurrence) continue;
        const range = document.createRange();
        range.setStart(...place(nodes, at));
        const [node, offset] = place(nodes, at + text.length - 1);
        range.setEnd(node, offset + 1);
        const box = range.getBoundingClientRect();
        if (box.width > 0) return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
      }
    }
    return null;
  },
};

/** A line's text nodes with their offsets, and its text; the editor renders spaces as no-break spaces. */
function textNodes(line) {
  const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
  const nodes = [];
  let content = '';
  while (walker.nextNode()) {
    nodes.push({ node: walker.currentNode, from: content.length });
    content += walker.currentNode.data;
  }
  return { nodes, content: content.replaceAll('\u00a0', ' ') };
}

function place(nodes, offset) {
  const { node, from } = nodes.findLast((candidate) => candidate.from <= offset);
  return [node, offset - from];
}
