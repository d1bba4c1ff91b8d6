/// The programs that look at the page of `klingd gallery` for its tests.
enum GalleryReport {
    /// JavaScript that posts what a reader would see of a page to the window around it, as JSON: the text and look of
    /// its images and tasks, what is cut off, and what has too little contrast.
    static let script = """
        const all = (selector, read) => [...document.querySelectorAll(selector)].map(read);
        const channels = text => text.match(/[\\d.]+/g).map(Number);
        const luminance = text => {
          const [r, g, b] = channels(text).map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const ground = element => {
          const colour = getComputedStyle(element).backgroundColor;
          return channels(colour)[3] === 0 && element.parentElement ? ground(element.parentElement) : colour;
        };
        const contrast = element => {
          const [low, high] = [getComputedStyle(element).color, ground(element)].map(luminance).sort((a, b) => a - b);
          return (high + 0.05) / (low + 0.05);
        };
        const hasText = element =>
          element.checkVisibility() && [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        const name = element => `${element.tagName} .${element.className}: ${element.textContent.slice(0, 60)}`;
        const isCutOff = element => {
          if (element.closest(".place, .sha256, details:not([open])")) return false;
          const box = element.getBoundingClientRect();
          return box.left < -0.5 || box.right > innerWidth + 0.5
            || element.clientWidth > 0 && element.scrollWidth > element.clientWidth;
        };
        addEventListener("load", () => {
          // What is far below is laid out as well.
          for (const task of document.querySelectorAll("article")) task.style.contentVisibility = "visible";
          const report = {
            images: all(".image img", image => ({
              size: `${image.naturalWidth} × ${image.naturalHeight} · PNG · `,
              ratio: `auto ${image.naturalWidth} / ${image.naturalHeight}`, kept: getComputedStyle(image).aspectRatio,
              caption: image.closest("li").querySelector(".size").textContent,
              sha256: image.closest("li").querySelector(".sha256").textContent,
              place: image.closest("li").querySelector(".place").textContent,
              file: decodeURIComponent(new URL(image.src).pathname),
              link: decodeURIComponent(new URL(image.closest("a").href).pathname),
            })),
            tasks: all("article", task => ({
              prompt: task.querySelector(".prompt").textContent,
              direction: getComputedStyle(task.querySelector(".prompt")).direction,
              images: task.querySelectorAll(".image img").length,
              parameters: [...task.querySelectorAll(".parameters dd")].map(value => value.textContent),
              alternatives: [...new Set([...task.querySelectorAll(".image img")].map(image => image.alt))],
            })),
            refused: all("#unfinished li", item => item.innerText),
            title: document.title, headings: all("h1", heading => heading.textContent),
            ran: window.ran ?? null, scripts: document.scripts.length, width: innerWidth,
            pageWidth: document.documentElement.scrollWidth,
            cutOff: [...document.body.querySelectorAll("*")].filter(isCutOff).map(name),
            faint: [...document.body.querySelectorAll("*")].filter(e => hasText(e) && contrast(e) < 4.5).map(name),
            paper: luminance(ground(document.body)),
          };
          parent.postMessage(JSON.stringify(report), "*");
        });
        """

    /// Python that tells the size of a PNG of 8 bits a channel and the number of colours in its upper part.
    static let colours = """
        import json, struct, sys, zlib
        data, at, body = open(sys.argv[1], "rb").read(), 8, b""
        while at < len(data):
            length, kind = struct.unpack(">I4s", data[at:at + 8])
            content = data[at + 8:at + 8 + length]
            if kind == b"IHDR": width, height, depth, colour = struct.unpack(">IIBB", content[:10])
            if kind == b"IDAT": body += content
            at += 12 + length
        step = {2: 3, 6: 4}[colour]
        raw, stride, above, colours = zlib.decompress(body), width * step, bytearray(width * step), set()
        for row in range(min(height, 500)):
            start = row * (stride + 1)
            method, line = raw[start], bytearray(raw[start + 1:start + 1 + stride])
            for i in range(stride) if method else ():
                a = line[i - step] if i >= step else 0
                b, c = above[i], above[i - step] if i >= step else 0
                if method == 1: guess = a
                elif method == 2: guess = b
                elif method == 3: guess = (a + b) // 2
                else: guess = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
                line[i] = (line[i] + guess) & 255
            colours.update(zip(*(line[channel::step] for channel in range(3))))
            above = line
        print(json.dumps({"size": [width, height], "colours": len(colours)}))
        """
}
