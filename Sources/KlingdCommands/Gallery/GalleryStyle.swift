/// How the gallery looks: calm, in the light or the dark as the reader has it, on a phone too.
enum GalleryStyle {
    /// Holds no `<`, so that it can stand in the page.
    static let sheet = """
        :root {
          color-scheme: light dark;
          --paper: #faf9f7; --card: #ffffff; --well: #f0eeea; --line: #e4e1db;
          --ink: #26241f; --faint: #6f6a60; --accent: #2f5d8a;
          --good: #2e6b46; --bad: #a23b32; --open: #8a6100; --shade: rgb(0 0 0 / 0.16);
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --paper: #161719; --card: #1e2023; --well: #131416; --line: #303338;
            --ink: #e6e4df; --faint: #a09c93; --accent: #8fb8e3;
            --good: #86c7a0; --bad: #ec9a90; --open: #dcb765; --shade: rgb(0 0 0 / 0.6);
          }
        }
        * { box-sizing: border-box; }
        html { scroll-padding-top: 3.5rem; }
        body {
          display: flex; flex-direction: column; max-width: 96rem; margin: 0 auto;
          padding: 2.5rem clamp(1rem, 3vw, 3rem);
          background: var(--paper); color: var(--ink); font: 0.9375rem/1.5 system-ui, sans-serif;
        }
        /* The totals come last, and there is room for them from the beginning. */
        header { order: -2; padding-bottom: 1.75rem; }
        .totals { order: -1; margin: -1.5rem 0 0; color: var(--faint); }
        main, .unfinished { order: 0; }
        footer { order: 1; margin-top: 3rem; color: var(--faint); font-size: 0.8125rem; }
        h1 { margin: 0; font-size: 2rem; font-weight: 600; letter-spacing: -0.02em; line-height: 1.2; }
        h2 { margin: 2rem 0 0.5rem; font-size: 1.0625rem; font-weight: 600; font-variant-numeric: tabular-nums; }
        .day h2 { position: sticky; top: 0; z-index: 1; padding: 0.625rem 0; background: var(--paper); }
        a { color: var(--accent); }
        :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 0.375rem; }
        article.task {
          display: grid; grid-template-columns: minmax(0, 19rem) minmax(0, 1fr); gap: 1.5rem; margin: 0 0 1rem;
          padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: 0.875rem;
          /* What is not seen is not laid out; its height is guessed, so that the scroll bar keeps its place. */
          content-visibility: auto;
          contain-intrinsic-size:
            auto max(20rem, calc(var(--about) + (var(--images) / var(--columns) + 0.4) * var(--row)));
        }
        .task { --about: 2.5rem; --columns: 4; --column: 12rem; --row: 18rem; }
        .task.wide { --columns: 3; --column: 14rem; --row: 16rem; }
        .task.tall { --column: 10.5rem; --row: 27rem; }
        .about { position: sticky; top: 3.75rem; align-self: start; }
        .prompt {
          margin: 0 0 0.75rem; max-height: 14.25rem; overflow: auto; white-space: pre-wrap; overflow-wrap: anywhere;
          text-align: start; font-size: 1rem;
        }
        /* A shade at the end that hides text, until that end is reached. */
        .prompt[tabindex] {
          --ground: var(--card);
          background:
            linear-gradient(var(--ground) 40%, transparent) top / 100% 2rem no-repeat local,
            linear-gradient(transparent, var(--ground) 60%) bottom / 100% 2rem no-repeat local,
            linear-gradient(var(--shade), transparent) top / 100% 0.625rem no-repeat scroll,
            linear-gradient(transparent, var(--shade)) bottom / 100% 0.625rem no-repeat scroll;
        }
        .unfinished .prompt[tabindex] { --ground: var(--paper); }
        .control {
          padding: 0 0.25em; border: 1px solid var(--line); border-radius: 0.25rem; color: var(--faint);
          font: 0.75em ui-monospace, monospace; unicode-bidi: isolate;
        }
        .facts {
          display: flex; flex-wrap: wrap; gap: 0.25rem 0.5rem; align-items: center; margin: 0 0 0.75rem;
          color: var(--faint); font-size: 0.8125rem; font-variant-numeric: tabular-nums;
        }
        .state, .charge { padding: 0 0.5rem; border: 1px solid currentColor; border-radius: 1rem; font-size: 0.75rem; }
        .state { color: var(--open); }
        [data-state="stored"] .state { color: var(--good); }
        [data-state="failed"] .state { color: var(--bad); }
        [data-charged="unknown"] .charge { color: var(--open); }
        dl { margin: 0 0 0.75rem; font-size: 0.8125rem; }
        dl > div { display: grid; grid-template-columns: 7.5rem minmax(0, 1fr); gap: 0.5rem; }
        dt { color: var(--faint); overflow-wrap: anywhere; }
        dd { margin: 0; min-width: 0; white-space: pre-wrap; overflow-wrap: anywhere; text-align: start; }
        .particulars dd { font-family: ui-monospace, monospace; font-size: 0.75rem; user-select: all; }
        .remark, summary { margin: 0; color: var(--faint); font-size: 0.8125rem; }
        summary { width: fit-content; cursor: pointer; }
        .more dl { margin: 0.5rem 0 0; }
        .more dl > div { grid-template-columns: minmax(0, 1fr); gap: 0; margin-bottom: 0.375rem; }
        .images {
          display: grid; gap: 1.25rem 1rem; margin: 0; padding: 0; list-style: none;
          grid-template-columns: repeat(auto-fill, minmax(min(100%, var(--column)), 1fr));
        }
        .image { min-width: 0; }
        .image > a { display: block; }
        .image img, .placeholder {
          display: block; width: 100%; background: var(--well); border-radius: 0.5rem;
        }
        .image img {
          height: auto; max-height: 36rem; object-fit: contain; font-size: 0.75rem; overflow-wrap: anywhere;
          transition: filter 0.15s;
        }
        .image > a:hover img { filter: brightness(1.06); }
        .placeholder {
          display: grid; place-items: center; height: 10rem; padding: 1rem; border: 1px dashed var(--line); background: none;
          color: var(--faint); text-align: center;
        }
        .placeholder p { margin: 0; max-width: 14rem; }
        .size { margin: 0.5rem 0 0; font-size: 0.8125rem; font-variant-numeric: tabular-nums; }
        .sha256, .place {
          display: block; overflow: hidden; color: var(--faint); font: 0.6875rem/1.6 ui-monospace, monospace;
          text-overflow: ellipsis; white-space: nowrap; user-select: all;
        }
        /* The end of a path tells more than its beginning. */
        .place { direction: rtl; text-align: left; }
        .unfinished ul { margin: 0; padding: 0; list-style: none; }
        .unfinished .task { padding: 1rem 0; border-top: 1px solid var(--line); }
        .unfinished .prompt { max-height: 6rem; }
        .unfinished dl { margin: 0 0 0.25rem; }
        .unfinished dl > div { grid-template-columns: 11rem minmax(0, 1fr); }
        .unfinished .prompt, .unfinished dl { max-width: 64rem; }
        .empty { padding: 5rem 1rem; color: var(--faint); text-align: center; }
        @media (min-width: 64rem) { .task:not(.tall) .image:only-child { grid-column: span 2; } }
        @media (max-width: 48rem) {
          body { padding-top: 1.5rem; }
          article.task { grid-template-columns: minmax(0, 1fr); gap: 1rem; padding: 1rem; }
          .about { position: static; }
          .prompt { max-height: 8.25rem; }
          .parameters { display: flex; flex-wrap: wrap; gap: 0 1rem; }
          .parameters > div { display: flex; gap: 0.375rem; }
          .unfinished dl > div { grid-template-columns: minmax(0, 1fr); gap: 0; margin-bottom: 0.375rem; }
          .task, .task.wide, .task.tall { --about: 15rem; --columns: 2; --column: 9rem; }
          .task { --row: 16rem; }
          .task.wide { --row: 12rem; }
          .task.tall { --row: 23rem; }
          .task:not(.tall) .image:only-child { grid-column: 1 / -1; max-width: 26rem; }
        }
        @media (prefers-reduced-motion: reduce) { .image img { transition: none; } }
        @media print {
          article.task { break-inside: avoid; content-visibility: visible; }
          .about, .day h2 { position: static; }
        }
        """
}
