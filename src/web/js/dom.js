// Finding, showing and filling elements. Everything a person wrote goes through `textContent`, never through HTML.

/**
 * Finds an element that index.html is known to have.
 * @param {string} id
 * @returns {any}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no #${id}`);
  return element;
}

/**
 * Copies the first element of a `<template>`.
 * @param {string} id
 * @returns {any}
 */
export const fromTemplate = (id) => byId(id).content.firstElementChild.cloneNode(true);

/** Writes text only when it differs, so that live regions and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes an inline icon out of one of the symbols in index.html. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.classList.add('icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
}

/** Fills an avatar or a room tile: initials, and a colour that belongs to `id` for ever. */
export function fillTile(element, id, name) {
  setText(element, initials(name));
  element.dataset.hue = String(hueOf(id));
}

function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : ''].map((word) => [...(word ?? '')][0] ?? '');
  return letters.join('').toLocaleUpperCase();
}

const HUES = 10;

function hueOf(id) {
  // FNV-1a; its low bits alone are too alike for ids that differ in one digit.
  let hash = 0x811c9dc5;
  for (const char of id) hash = Math.imul(hash ^ char.codePointAt(0), 0x01000193) >>> 0;
  return (hash >>> 8) % HUES;
}

/**
 * Brings a list's children into the order of `rows`, reusing the element of each key.
 * Unchanged elements are not touched: focus, selection and running transitions survive.
 * @template {{key: string}} Row
 * @param {Element} list
 * @param {Row[]} rows
 * @param {(row: Row) => Element} create
 * @param {(element: any, row: Row) => void} update
 */
export function reconcile(list, rows, create, update) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let next = list.firstElementChild;
  for (const row of rows) {
    let element = old.get(row.key);
    if (element) {
      old.delete(row.key);
    } else {
      element = create(row);
      element.dataset.key = row.key;
    }
    update(element, row);
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
  for (const stale of old.values()) stale.remove();
}
