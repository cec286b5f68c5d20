// The two dialogs that lead into a room: open a new one, join by code.
import { byId, setText } from '../dom.js';

export function createRoomDialogs({ chat }) {
  const openCreate = connect({
    dialog: 'create-dialog',
    form: 'create-form',
    input: 'room-name-input',
    error: 'room-name-error',
    empty: 'A room needs a name.',
    run: (name) => chat.create(name),
  });
  const openJoin = connect({
    dialog: 'join-dialog',
    form: 'join-form',
    input: 'join-code',
    error: 'join-code-error',
    empty: 'Enter the code of the room.',
    run: (code) => chat.join(code),
  });
  for (const id of ['new-room', 'empty-new-room']) byId(id).addEventListener('click', openCreate);
  for (const id of ['join-by-code', 'empty-join']) byId(id).addEventListener('click', openJoin);
}

/** Wires one dialog and gives back the function that opens it. */
function connect({ dialog, form, input, error, empty, run }) {
  const box = byId(dialog);
  const field = byId(input);

  const showError = (text) => {
    setText(byId(error), text);
    field.setAttribute('aria-invalid', String(text !== ''));
    if (text) field.focus();
  };

  byId(form).addEventListener('submit', async (event) => {
    event.preventDefault();
    const value = field.value.trim();
    if (!value) {
      showError(empty);
      return;
    }
    const button = event.submitter ?? byId(form).querySelector('.primary');
    button.disabled = true;
    try {
      await run(value);
      box.close();
      // The next thing to do in a room is to write.
      byId('message').focus();
    } catch (failure) {
      showError(failure.message);
    } finally {
      button.disabled = false;
    }
  });
  box.querySelector('[data-close]').addEventListener('click', () => box.close());

  return () => {
    byId(form).reset();
    showError('');
    box.showModal();
    field.focus();
  };
}
