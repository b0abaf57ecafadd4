// What a test wants to know of a page: does it fit, can it be read, did a text become more than text?
(() => {
  const shades = colour => (colour.match(/[\d.]+/g) || []).map(Number)
  const channels = colour => colour.startsWith("color(") ? shades(colour).map((one, place) => place < 3 ? one * 255 : one) : shades(colour)
  const light = colour => channels(colour).slice(0, 3).map(one => one / 255)
    .map(one => one <= 0.03928 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0)
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor
      const all = channels(colour)
      if (colour.startsWith("color(") || all.length === 3 || all[3] > 0) return colour
    }
    return "rgb(255, 255, 255)"
  }
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b)
    return (high + 0.05) / (low + 0.05)
  }
  const own = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())
  document.querySelectorAll("details").forEach(one => { one.open = true })
  const shown = [...document.body.querySelectorAll("*")].filter(own).filter(node => node.getClientRects().length)
  const faint = shown.map(node => {
    const style = getComputedStyle(node)
    return [contrast(node.closest("svg") ? style.fill : style.color, behind(node)), node.textContent.slice(0, 40)]
  }).filter(([ratio]) => ratio < 4.5)
  const plots = [...document.querySelectorAll("svg[role=img]")]
  const boxes = plot => [...plot.querySelectorAll("text")].map(node => {
    const clip = node.closest("svg:not([role])")
    const box = node.getBoundingClientRect()
    // a name is cut off at the width of the little svg that holds it
    const right = clip ? Math.min(box.right, plot.getBoundingClientRect().left + clip.width.baseVal.value) : box.right
    return {left: box.left, right, top: box.top + 1, bottom: box.bottom - 1, text: node.textContent.slice(0, 40)}
  })
  const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
  const overlaps = plots.flatMap(plot => boxes(plot).flatMap((one, place, all) =>
    all.slice(place + 1).filter(other => meets(one, other)).map(other => `${one.text} | ${other.text}`)))
  const outside = plots.flatMap(plot => {
    const frame = plot.getBoundingClientRect()
    return boxes(plot).filter(one => one.left < frame.left - 1 || one.right > frame.right + 1 ||
      one.top < frame.top - 2 || one.bottom > frame.bottom + 2).map(one => one.text)
  })
  return {
    title: document.title,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    width: innerWidth,
    wide: document.documentElement.scrollWidth,
    tags: ["script", "img", "iframe", "link", "object", "embed", "form"].filter(tag => document.querySelector(tag)),
    handlers: [...document.querySelectorAll("*")].flatMap(node => [...node.attributes])
      .filter(one => one.name.startsWith("on") || ["src", "action", "xlink:href"].includes(one.name) ||
        one.name === "href" && !one.value.startsWith("#")).map(one => one.name),
    links: [...document.querySelectorAll("a")].filter(one => !document.getElementById(one.hash.slice(1))).length,
    plots: plots.length,
    silent: plots.filter(plot => !plot.querySelector("title").textContent || !plot.querySelector("desc").textContent).length,
    untold: plots.filter(plot => !plot.parentElement.querySelector("details table td")).length,
    ids: [...document.querySelectorAll("[id]")].map(node => node.id).filter((id, place, all) => all.indexOf(id) !== place),
    small: Math.min(99, ...shown.map(node => parseFloat(getComputedStyle(node).fontSize))),
    faint, overlaps, outside,
    text: document.body.innerText,
  }
})()
