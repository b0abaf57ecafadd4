"use strict"
// Whatever comes from a run is put in as text (textContent), never as markup.

const $ = id => document.getElementById(id)
const SHOWN = 100
const PAST = {keep: "kept", drop: "dropped", relabel: "relabelled"}

let told = {order: [], status: {}, labels: [], left: 0, selected: 0, pairs: []}
let at = 0
let entry = null
let busy = false
let ahead = null
const decidedHere = new Set()

async function ask(path, body) {
  const how = body && {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)}
  let answer
  try {
    answer = await fetch(path, how || {})
  } catch {
    throw new Error("The server does not answer: is `textsynth review` still at work?")
  }
  const text = await answer.text()
  if (answer.ok) return JSON.parse(text)
  let sentence = text.trim()
  try { sentence = JSON.parse(text).error } catch { /* it is a plain sentence */ }
  throw new Error(sentence || `The server answers with ${answer.status}.`)
}

// One thing at a time: a key pressed while a decision is under way decides nothing, as its text is not seen yet. Only
// "relabel" and what is typed after it wait, or the letters of a label would be taken for decisions.
async function alone(work) {
  if (busy) return
  busy = true
  try {
    await work()
    $("fault").hidden = true
  } catch (fault) {
    $("fault").textContent = fault.message
    $("fault").hidden = false
  } finally {
    busy = false
  }
  const typed = ahead
  ahead = null
  if (typed !== null) pick(typed)
}

const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`

function node(tag, text, name) {
  const made = document.createElement(tag)
  if (text !== undefined) made.textContent = text
  if (name) made.className = name
  return made
}

const meaning = name => (told.labels.find(label => label.name === name) || {means: ""}).means
const withMeaning = name => { const means = meaning(name); return means && means !== name ? `${name}: ${means}` : name }

function fact(name, ...values) {
  const shown = values.filter(value => value !== null && value !== undefined && value !== "")
  if (!shown.length) return
  $("facts").append(node("dt", name), ...shown.map(value => node("dd", value)))
}

const number = value => value === null || value === undefined ? "" : String(Math.round(value * 10000) / 10000)

function said(one) {
  const labels = one.decision !== "drop" && one.labels.length ? ` as ${one.labels.join(", ")}` : ""
  return `${PAST[one.decision]}${labels}`
}

function verdictOf(status) {
  const parts = []
  if (status.mine) parts.push(`You: ${said(status.mine)}.`)
  for (const one of status.said) parts.push(`${one.by}: ${said(one)}.`)
  if (status.differ && status.mine) parts.push("People disagree, so it waits until they agree.")
  else if (!status.mine && status.others) parts.push("Somebody else has decided on it; what do you say?")
  return parts.join(" ")
}

function showEntry() {
  $("end").hidden = true
  $("entry").hidden = false
  $("place").textContent = `${(at + 1).toLocaleString("en")} of ${told.order.length.toLocaleString("en")}${entry.waits ? "" : ", selected"}`
  $("text").textContent = entry.text
  $("source").textContent = entry.source || ""
  $("source-part").hidden = !entry.source
  $("source").scrollTop = 0
  $("facts").replaceChildren()
  const labels = entry.labels.length > 1 ? "labels" : "label"
  fact(labels, ...entry.labels.map(withMeaning))
  if (entry.intended.join() !== entry.labels.join()) fact("asked for", ...entry.intended.map(withMeaning))
  fact("a model chose", ...entry.chosen.map(withMeaning))
  if (entry.waits) fact("why it waits", `${entry.item}: ${entry.reason}`)
  const limit = number(entry.limit)
  fact("measured", number(entry.measured) && `${number(entry.measured)}${limit && `, limit ${limit}`}`)
  if (entry.confidence !== entry.measured) fact("confidence", number(entry.confidence))
  for (const [name, value] of Object.entries(entry.attributes)) fact(name, value)
  const more = Object.entries(entry.measures).filter(([name]) => name !== entry.item)
  fact("measures", more.map(([name, value]) => `${name} ${number(value)}`).join(", "))
  fact("made by", entry.maker)
  fact("id", entry.id)
  showStatus()
  scrollTo(0, 0)
  if (document.activeElement === document.body) $("entry").focus({preventScroll: true})
}

function showEnd() {
  entry = null
  $("entry").hidden = true
  $("end").hidden = false
  const left = told.left ? `${count(told.left, "text")} still wait${told.left === 1 ? "s" : ""}. ` : ""
  $("end-told").textContent = `${left}The next “${told.next}” takes the decisions in. Ctrl-C in the terminal ends this page.`
  showStatus()
}

function showStatus() {
  $("name").textContent = told.name
  document.title = `${told.left} left – ${told.name} – TextSynth`
  const selected = told.selected ? ` · ${count(told.selected, "selected text")}` : ""
  $("left").textContent = `${told.left.toLocaleString("en")} left${selected} · ${told.by}`
  $("agree").textContent = told.pairs.map(one => `${one.people.join(" and ")} agree on ${one.same} of ${count(one.texts, "text")}` +
    (one.kappa === null ? "" : `, Cohen's kappa ${one.kappa.toFixed(2)}`)).join("; ")
  for (const id of ["keep", "drop", "relabel"]) $(id).disabled = !entry
  if (!told.labels.length) $("relabel").disabled = true
  if (entry) $("verdict").textContent = verdictOf(entry.status)
}

async function open(place) {
  if (place < 0 || place >= told.order.length) return showEnd()
  entry = await ask(`text/${encodeURIComponent(told.order[place])}`)
  at = place
  showEntry()
}

function pending(id) {
  const status = told.status[id]
  return !decidedHere.has(id) && (!status || !status.mine || status.differ)
}

function nextPending() {
  const places = told.order.map((_, place) => place)
  const turned = [...places.slice(at + 1), ...places.slice(0, at + 1)]
  return turned.find(place => pending(told.order[place])) ?? -1
}

function taken(answer) {
  told.status[answer.id] = answer.status
  Object.assign(told, {left: answer.left, selected: answer.selected, pairs: answer.pairs})
}

const decide = (decision, labels = []) => alone(async () => {
  if (!entry) return
  const answer = await ask("decide", {id: entry.id, decision, labels})
  decidedHere.add(answer.id)
  taken(answer)
  await open(nextPending())
  $("said").textContent = `${said(answer.status.mine)}; ${told.left.toLocaleString("en")} left`
})

const undo = () => alone(async () => {
  const answer = await ask("decide", {decision: "undo"})
  decidedHere.delete(answer.id)
  taken(answer)
  await open(told.order.indexOf(answer.id))
  $("said").textContent = `taken back; ${told.left.toLocaleString("en")} left`
})

const step = by => alone(async () => {
  const from = entry ? at : by < 0 ? told.order.length : -1
  const place = from + by
  if (place >= 0 && place < told.order.length) await open(place)
})

// The picker of labels

let found = []
let active = 0
let picked = []

function rank(label, words) {
  const name = label.name.toLowerCase().replaceAll("_", " ")
  const whole = `${label.name.toLowerCase()} ${name} ${label.means.toLowerCase()}`
  if (!words.every(word => whole.includes(word))) return -1
  if (!words.length) return 0
  return name.startsWith(words.join(" ")) ? 0 : words.every(word => name.includes(word)) ? 1 : 2
}

function search() {
  const words = $("filter").value.toLowerCase().replaceAll("_", " ").split(/\s+/).filter(Boolean)
  const first = words.length ? [] : entry.chosen
  const ranked = told.labels.map((label, place) => [rank(label, words), first.includes(label.name) ? -1 : place, label])
  found = ranked.filter(([fits]) => fits >= 0).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , label]) => label)
  active = 0
  drawLabels()
}

function drawLabels() {
  $("picker-head").textContent = told.multi_label ? `Its labels: ${picked.join(", ") || "none yet"}` : "Another label"
  $("labels").replaceChildren(...found.slice(0, SHOWN).map((label, place) => {
    const item = node("li")
    item.id = `label-${place}`
    item.setAttribute("role", "option")
    const chosen = told.multi_label ? picked.includes(label.name) : place === active
    item.setAttribute("aria-selected", String(chosen))
    if (told.multi_label) item.append(node("span", chosen ? "☑ " : "☐ ", "box"))
    item.append(node("b", label.name), node("span", label.means === label.name ? "" : ` ${label.means}`))
    if (entry.labels.includes(label.name)) item.append(node("i", " it has this one"))
    if (entry.chosen.includes(label.name)) item.append(node("i", " the model chose it"))
    if (place === active) item.classList.add("active")
    item.addEventListener("click", () => { active = place; choose() })
    return item
  }))
  const more = found.length - SHOWN
  $("more").textContent = !found.length ? "No label has that in its name or meaning." : more > 0 ? `${more} more: type to narrow them` : ""
  if (found.length) $("filter").setAttribute("aria-activedescendant", `label-${active}`)
  else $("filter").removeAttribute("aria-activedescendant")
  const now = $(`label-${active}`)
  if (now) now.scrollIntoView({block: "nearest"})
}

function pick(typed = "") {
  if (!entry || !told.labels.length || busy) return
  picked = told.multi_label ? [...entry.labels] : []
  $("filter").value = typed
  $("labels").setAttribute("aria-multiselectable", String(told.multi_label))
  $("take").firstChild.data = told.multi_label ? "Take them " : "Take it "
  $("take").querySelector("kbd").textContent = told.multi_label ? "Ctrl+Enter" : "Enter"
  $("filter-label").textContent = "Type a part of its name or meaning" + (told.multi_label ? "; Enter adds a label or takes it away" : "")
  $("picker").showModal()
  $("filter").focus()
  search()
}

function choose() {
  const label = found[active]
  if (!label) return
  if (!told.multi_label) return finish([label.name])
  picked = picked.includes(label.name) ? picked.filter(name => name !== label.name) : [...picked, label.name]
  $("filter").select()
  drawLabels()
}

function finish(labels) {
  if (!labels.length) {
    $("more").textContent = "Choose a label first."
    return
  }
  $("picker").close()
  decide("relabel", labels)
}

const take = () => told.multi_label ? finish(picked) : choose()

$("filter").addEventListener("input", search)
$("filter").addEventListener("keydown", event => {
  const most = Math.min(found.length, SHOWN)
  if (event.isComposing) return
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault()
    active = most ? (active + (event.key === "ArrowDown" ? 1 : most - 1)) % most : 0
    drawLabels()
  } else if (event.key === "Enter") {
    event.preventDefault()
    if (event.ctrlKey || event.metaKey) take()
    else choose()
  }
})
$("take").addEventListener("click", take)
$("cancel").addEventListener("click", () => $("picker").close())

const KEYS = {
  k: () => decide("keep"), d: () => decide("drop"), r: () => pick(), u: undo,
  p: () => step(-1), n: () => step(1), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
}
const BUTTONS = {keep: "k", drop: "d", relabel: "r", undo: "u", previous: "p", next: "n"}
for (const [id, key] of Object.entries(BUTTONS)) $(id).addEventListener("click", () => KEYS[key]())
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || $("picker").open) return
  if (busy && (ahead !== null || event.key === "r")) {
    event.preventDefault()
    ahead = ahead === null ? "" : ahead + (event.key.length === 1 ? event.key : "")
    return
  }
  const work = Object.hasOwn(KEYS, event.key) ? KEYS[event.key] : null
  if (!work) return
  event.preventDefault()
  work()
})

alone(async () => {
  told = await ask("state")
  at = -1
  await open(nextPending())
})
