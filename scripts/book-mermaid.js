// Draws the book's mermaid blocks. Without a network they stay readable as text.
(() => {
  const blocks = document.querySelectorAll('pre > code.language-mermaid');
  if (blocks.length === 0) return;
  import('https://cdn.jsdelivr.net/npm/mermaid@11.4.1/dist/mermaid.esm.min.mjs')
    .then(({ default: mermaid }) => {
      for (const code of blocks) {
        const picture = document.createElement('div');
        picture.className = 'mermaid';
        picture.textContent = code.textContent;
        code.parentElement.replaceWith(picture);
      }
      mermaid.initialize({ startOnLoad: false });
      return mermaid.run();
    })
    .catch(() => {});
})();
