"use strict"
// All content of a run is inserted as text (textContent), never as markup.

const $ = id => document.getElementById(id)
const MAX_LABELS_SHOWN = 100
const PAST_TENSE = {keep: "kept", drop: "dropped", relabel: "relabelled"}

// What the server sends at the start; `status`, `remaining` and `agreement` are updated after each decision.
let state = {order: [], status: {}, labels: [], remaining: {pending: 0, selected: 0}, agreement: []}
let position = 0
let entry = null
let busy = false
let typedWhileBusy = null
const decidedInThisPage = new Set()

async function request(path, body) {
  const options = body && {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)}
  let response
  try {
    response = await fetch(path, options || {})
  } catch {
    throw new Error("The server does not respond: is `textsynth review` still running?")
  }
  const text = await response.text()
  if (response.ok) return JSON.parse(text)
  let message = text.trim()
  try { message = JSON.parse(text).error } catch { /* the response is plain text */ }
  throw new Error(message || `The server responded with status ${response.status}.`)
}

// Only one action runs at a time. Keys pressed during a decision are ignored, because the next text is not visible yet.
// The exception is "relabel" with the letters typed after it: without it, these letters would be taken for decisions.
async function exclusively(action) {
  if (busy) return
  busy = true
  try {
    await action()
    $("error").hidden = true
  } catch (error) {
    $("error").textContent = error.message
    $("error").hidden = false
  } finally {
    busy = false
  }
  const typed = typedWhileBusy
  typedWhileBusy = null
  if (typed !== null) openPicker(typed)
}

const pluralize = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`

function element(tag, text, className) {
  const node = document.createElement(tag)
  if (text !== undefined) node.textContent = text
  if (className) node.className = className
  return node
}

const describeLabel = name => {
  const label = state.labels.find(candidate => candidate.name === name)
  return label && label.description && label.description !== name ? `${name}: ${label.description}` : name
}

const formatNumber = value =>
  value === null || value === undefined ? "" : String(Math.round(value * 10000) / 10000)

function describeDecision(decision) {
  const labels = decision.decision !== "drop" && decision.labels.length ? ` as ${decision.labels.join(", ")}` : ""
  return `${PAST_TENSE[decision.decision]}${labels}`
}

function describeStatus(status) {
  const parts = []
  if (status.own_decision) parts.push(`You: ${describeDecision(status.own_decision)}.`)
  for (const decision of status.other_decisions) parts.push(`${decision.by}: ${describeDecision(decision)}.`)
  if (status.disagreement && status.own_decision) parts.push("The reviewers disagree, so the text stays in review until they agree.")
  else if (!status.own_decision && status.other_reviewers) parts.push("Another reviewer has decided; their decision is shown after yours.")
  return parts.join(" ")
}

// What was measured, in words. A labeller's score is its confidence in the label that it predicted.
function describeScore() {
  const score = formatNumber(entry.score)
  if (!score) return ["score", ""]
  const limit = formatNumber(entry.limit)
  if (entry.predicted_labels.length) {
    const needed = limit && `; at least ${limit} is needed`
    return [`confidence of ${entry.step}`, `${score} (0 to 1) for ${entry.predicted_labels.join(", ")}${needed}`]
  }
  return [`score of ${entry.step}`, `${score}${limit && `, limit ${limit}`}: ${entry.reason}`]
}

function addDetail(name, ...values) {
  const present = values.filter(value => value !== null && value !== undefined && value !== "")
  if (!present.length) return
  $("details").append(element("dt", name), ...present.map(value => element("dd", value)))
}

function showDetails() {
  $("details").replaceChildren()
  addDetail(entry.labels.length > 1 ? "labels" : "label", ...entry.labels.map(describeLabel))
  if (entry.intended_labels.join() !== entry.labels.join()) addDetail("requested label", ...entry.intended_labels.map(describeLabel))
  addDetail("predicted by a model", ...entry.predicted_labels.map(describeLabel))
  if (entry.pending) addDetail("reason for review", `${entry.step}: ${entry.reason}`)
  const [measure, score] = describeScore()
  addDetail(measure, score)
  if (entry.confidence !== entry.score) addDetail("confidence", formatNumber(entry.confidence))
  for (const [name, value] of Object.entries(entry.attributes)) addDetail(name, value)
  const otherScores = Object.entries(entry.scores).filter(([name]) => name !== entry.step)
  addDetail("other scores", otherScores.map(([name, value]) => `${name} ${formatNumber(value)}`).join(", "))
  addDetail("generator", entry.generator)
  addDetail("id", entry.id)
}

function showEntry() {
  $("end").hidden = true
  $("entry").hidden = false
  const total = state.order.length.toLocaleString("en")
  $("position").textContent = `${(position + 1).toLocaleString("en")} of ${total}${entry.pending ? "" : ", selected"}`
  $("text").textContent = entry.text
  $("source").textContent = entry.source_text || ""
  $("source-section").hidden = !entry.source_text
  $("source").scrollTop = 0
  showDetails()
  showStatus()
  scrollTo(0, 0)
  if (document.activeElement === document.body) $("entry").focus({preventScroll: true})
}

function showEnd() {
  entry = null
  $("entry").hidden = true
  $("end").hidden = false
  const pending = state.remaining.pending
  const remaining = pending ? `${pluralize(pending, "text")} still wait${pending === 1 ? "s" : ""} for a decision. ` : ""
  $("end-text").textContent = `${remaining}Run “${state.next_command}” to apply the decisions. Press Ctrl-C in the terminal to stop the server.`
  showStatus()
}

function showStatus() {
  const {pending, selected} = state.remaining
  $("run-name").textContent = state.run_name
  document.title = `${pending} left – ${state.run_name} – TextSynth`
  const selectedText = selected ? ` · ${pluralize(selected, "selected text")}` : ""
  $("remaining").textContent = `${pending.toLocaleString("en")} left${selectedText} · ${state.reviewer}`
  $("agreement").textContent = state.agreement.map(pair => {
    const kappa = pair.kappa === null ? "" : `, Cohen's kappa ${pair.kappa.toFixed(2)}`
    return `${pair.people.join(" and ")} agree on ${pair.same} of ${pluralize(pair.texts, "text")}${kappa}`
  }).join("; ")
  for (const id of ["keep", "drop", "relabel"]) $(id).disabled = !entry
  if (!state.labels.length) $("relabel").disabled = true
  $("take-model").disabled = !modelLabels().length
  if (entry) $("decisions").textContent = describeStatus(entry.status)
}

async function openEntry(index) {
  if (index < 0 || index >= state.order.length) return showEnd()
  entry = await request(`text/${encodeURIComponent(state.order[index])}`)
  position = index
  showEntry()
}

function isUndecided(id) {
  const status = state.status[id]
  return !decidedInThisPage.has(id) && (!status || !status.own_decision || status.disagreement)
}

function nextUndecided() {
  const indices = state.order.map((_, index) => index)
  const fromHere = [...indices.slice(position + 1), ...indices.slice(0, position + 1)]
  return fromHere.find(index => isUndecided(state.order[index])) ?? -1
}

function applyChange(change) {
  state.status[change.id] = change.status
  Object.assign(state, {remaining: change.remaining, agreement: change.agreement})
}

const showMessage = text => {
  $("message").textContent = `${text}; ${state.remaining.pending.toLocaleString("en")} left`
}

const decide = (decision, labels = []) => exclusively(async () => {
  if (!entry) return
  const change = await request("decide", {id: entry.id, decision, labels})
  decidedInThisPage.add(change.id)
  applyChange(change)
  await openEntry(nextUndecided())
  showMessage(describeDecision(change.status.own_decision))
})

const undo = () => exclusively(async () => {
  const change = await request("decide", {decision: "undo"})
  decidedInThisPage.delete(change.id)
  applyChange(change)
  await openEntry(state.order.indexOf(change.id))
  showMessage("decision undone")
})

const step = offset => exclusively(async () => {
  const start = entry ? position : offset < 0 ? state.order.length : -1
  const index = start + offset
  if (index >= 0 && index < state.order.length) await openEntry(index)
})

// The labels that the model predicted, where they are labels of the recipe.
const modelLabels = () => entry ? entry.predicted_labels.filter(name => state.labels.some(label => label.name === name)) : []

function takeModelLabels() {
  const labels = modelLabels()
  if (!labels.length) return
  const isCurrent = labels.length === entry.labels.length && labels.every(name => entry.labels.includes(name))
  if (isCurrent) decide("keep")
  else decide("relabel", labels)
}

// The label picker

let matches = []
let activeIndex = 0
let pickedLabels = []

function matchRank(label, words) {
  const name = label.name.toLowerCase().replaceAll("_", " ")
  const searched = `${label.name.toLowerCase()} ${name} ${label.description.toLowerCase()}`
  if (!words.every(word => searched.includes(word))) return -1
  if (!words.length) return 0
  return name.startsWith(words.join(" ")) ? 0 : words.every(word => name.includes(word)) ? 1 : 2
}

function search() {
  const words = $("filter").value.toLowerCase().replaceAll("_", " ").split(/\s+/).filter(Boolean)
  const first = words.length ? [] : entry.predicted_labels
  const ranked = state.labels.map((label, index) => [matchRank(label, words), first.includes(label.name) ? -1 : index, label])
  matches = ranked.filter(([rank]) => rank >= 0).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , label]) => label)
  activeIndex = 0
  showMatches()
}

function labelItem(label, index) {
  const item = element("li")
  item.id = `label-${index}`
  item.setAttribute("role", "option")
  const picked = state.multi_label ? pickedLabels.includes(label.name) : index === activeIndex
  item.setAttribute("aria-selected", String(picked))
  if (state.multi_label) item.append(element("span", picked ? "☑ " : "☐ ", "checkbox"))
  item.append(element("b", label.name), element("span", label.description === label.name ? "" : ` ${label.description}`))
  if (entry.labels.includes(label.name)) item.append(element("i", " current label"))
  if (entry.predicted_labels.includes(label.name)) item.append(element("i", " predicted by a model"))
  if (index === activeIndex) item.classList.add("active")
  item.addEventListener("click", () => { activeIndex = index; pick() })
  return item
}

function showMatches() {
  $("picker-head").textContent = state.multi_label ? `Labels: ${pickedLabels.join(", ") || "none yet"}` : "Other label"
  $("labels").replaceChildren(...matches.slice(0, MAX_LABELS_SHOWN).map(labelItem))
  const hidden = matches.length - MAX_LABELS_SHOWN
  if (!matches.length) $("picker-hint").textContent = "No label matches."
  else $("picker-hint").textContent = hidden > 0 ? `${hidden} more: type to narrow the list` : ""
  if (matches.length) $("filter").setAttribute("aria-activedescendant", `label-${activeIndex}`)
  else $("filter").removeAttribute("aria-activedescendant")
  const active = $(`label-${activeIndex}`)
  if (active) active.scrollIntoView({block: "nearest"})
}

function openPicker(typed = "") {
  if (!entry || !state.labels.length || busy) return
  pickedLabels = state.multi_label ? [...entry.labels] : []
  $("filter").value = typed
  $("labels").setAttribute("aria-multiselectable", String(state.multi_label))
  $("apply").querySelector("kbd").textContent = state.multi_label ? "Ctrl+Enter" : "Enter"
  $("filter-label").textContent = "Search in names and descriptions" + (state.multi_label ? "; Enter adds or removes a label" : "")
  $("picker").showModal()
  $("filter").focus()
  search()
}

function pick() {
  const label = matches[activeIndex]
  if (!label) return
  if (!state.multi_label) return relabel([label.name])
  pickedLabels = pickedLabels.includes(label.name) ? pickedLabels.filter(name => name !== label.name) : [...pickedLabels, label.name]
  $("filter").select()
  showMatches()
}

function relabel(labels) {
  if (!labels.length) {
    $("picker-hint").textContent = "Choose a label first."
    return
  }
  $("picker").close()
  decide("relabel", labels)
}

const applyLabels = () => state.multi_label ? relabel(pickedLabels) : pick()

$("filter").addEventListener("input", search)
$("filter").addEventListener("keydown", event => {
  const shown = Math.min(matches.length, MAX_LABELS_SHOWN)
  if (event.isComposing) return
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault()
    activeIndex = shown ? (activeIndex + (event.key === "ArrowDown" ? 1 : shown - 1)) % shown : 0
    showMatches()
  } else if (event.key === "Enter") {
    event.preventDefault()
    if (event.ctrlKey || event.metaKey) applyLabels()
    else pick()
  }
})
$("apply").addEventListener("click", applyLabels)
$("cancel").addEventListener("click", () => $("picker").close())

const ACTIONS = {
  k: () => decide("keep"), d: () => decide("drop"), r: () => openPicker(), m: takeModelLabels, u: undo,
  p: () => step(-1), n: () => step(1), ArrowLeft: () => step(-1), ArrowRight: () => step(1),
}
const BUTTON_KEYS = {keep: "k", drop: "d", relabel: "r", "take-model": "m", undo: "u", previous: "p", next: "n"}
for (const [id, key] of Object.entries(BUTTON_KEYS)) $(id).addEventListener("click", () => ACTIONS[key]())
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing || $("picker").open) return
  if (busy && (typedWhileBusy !== null || event.key === "r")) {
    event.preventDefault()
    typedWhileBusy = typedWhileBusy === null ? "" : typedWhileBusy + (event.key.length === 1 ? event.key : "")
    return
  }
  const action = Object.hasOwn(ACTIONS, event.key) ? ACTIONS[event.key] : null
  if (!action) return
  event.preventDefault()
  action()
})

exclusively(async () => {
  state = await request("state")
  position = -1
  await openEntry(nextUndecided())
})
