// What tests check of a page: whether it fits its width, is legible, and shows hostile texts as text only.
(() => {
  const numbers = colour => (colour.match(/[\d.]+/g) || []).map(Number)
  // red, green and blue from 0 to 255; color() has them from 0 to 1
  const channels = colour =>
    numbers(colour).map((value, index) => colour.startsWith("color(") && index < 3 ? value * 255 : value)
  const luminance = colour => channels(colour).slice(0, 3).map(value => value / 255)
    .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0)
  const background = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor
      const values = channels(colour)
      if (colour.startsWith("color(") || values.length === 3 || values[3] > 0) return colour
    }
    return "rgb(255, 255, 255)"
  }
  const contrast = (first, second) => {
    const [low, high] = [luminance(first), luminance(second)].sort((a, b) => a - b)
    return (high + 0.05) / (low + 0.05)
  }
  const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())
  document.querySelectorAll("details").forEach(node => { node.open = true })
  const visible = [...document.body.querySelectorAll("*")].filter(hasText).filter(node => node.getClientRects().length)
  const lowContrast = visible.map(node => {
    const style = getComputedStyle(node)
    const colour = node.closest("svg") ? style.fill : style.color
    return [contrast(colour, background(node)), node.textContent.slice(0, 40)]
  }).filter(([ratio]) => ratio < 4.5)
  const plots = [...document.querySelectorAll("svg[role=img]")]
  const textBoxes = plot => [...plot.querySelectorAll("text")].map(node => {
    const clip = node.closest("svg:not([role])")
    const box = node.getBoundingClientRect()
    // a name is cut off at the width of the inner svg that contains it
    const right = clip ? Math.min(box.right, plot.getBoundingClientRect().left + clip.width.baseVal.value) : box.right
    return {left: box.left, right, top: box.top + 1, bottom: box.bottom - 1, text: node.textContent.slice(0, 40)}
  })
  const intersect = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom
  const overlaps = plots.flatMap(plot => textBoxes(plot).flatMap((box, index, boxes) =>
    boxes.slice(index + 1).filter(other => intersect(box, other)).map(other => `${box.text} | ${other.text}`)))
  const outside = plots.flatMap(plot => {
    const frame = plot.getBoundingClientRect()
    return textBoxes(plot).filter(box => box.left < frame.left - 1 || box.right > frame.right + 1 ||
      box.top < frame.top - 2 || box.bottom > frame.bottom + 2).map(box => box.text)
  })
  const ids = [...document.querySelectorAll("[id]")].map(node => node.id)
  return {
    title: document.title,
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    width: innerWidth,
    scrollWidth: document.documentElement.scrollWidth,
    activeTags: ["script", "img", "iframe", "link", "object", "embed", "form"]
      .filter(tag => document.querySelector(tag)),
    activeAttributes: [...document.querySelectorAll("*")].flatMap(node => [...node.attributes])
      .filter(attribute => attribute.name.startsWith("on") ||
        ["src", "action", "xlink:href"].includes(attribute.name) ||
        attribute.name === "href" && !attribute.value.startsWith("#")).map(attribute => attribute.name),
    brokenLinks: [...document.querySelectorAll("a")]
      .filter(link => !document.getElementById(link.hash.slice(1))).length,
    plots: plots.length,
    plotsWithoutDescription: plots
      .filter(plot => !plot.querySelector("title").textContent || !plot.querySelector("desc").textContent).length,
    plotsWithoutTable: plots.filter(plot => !plot.parentElement.querySelector("details table td")).length,
    duplicateIds: ids.filter((id, index) => ids.indexOf(id) !== index),
    smallestFont: Math.min(99, ...visible.map(node => parseFloat(getComputedStyle(node).fontSize))),
    lowContrast, overlaps, outside,
    text: document.body.innerText,
  }
})()
