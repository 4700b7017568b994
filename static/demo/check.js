// One line of a card: a tick or a cross, and a sentence.

export function check(element, well, sentence) {
  const line = document.createElement("p");
  line.className = well ? "check" : "check bad";
  const text = document.createElement("span");
  text.textContent = sentence;
  line.append(text);
  element.append(line);
  return well;
}
