// The sign-in view: create an account or sign in, with each error next to its field.
import { logIn, signUp } from '../account.js';
import { byId, setText } from '../dom.js';

const FIELDS = ['name', 'email', 'password'];

/** @param {{onSignedIn: (me: object) => void}} hooks */
export function createSignIn({ onSignedIn }) {
  const form = byId('sign-in-form');
  const submit = byId('sign-in-submit');
  let mode = 'create';

  function setMode(next) {
    mode = next;
    const creating = mode === 'create';
    byId('field-name').hidden = !creating;
    byId('mode-create').setAttribute('aria-pressed', String(creating));
    byId('mode-login').setAttribute('aria-pressed', String(!creating));
    byId('password').autocomplete = creating ? 'new-password' : 'current-password';
    setText(submit, creating ? 'Create account' : 'Sign in');
    clearErrors();
  }

  function showError(field, text) {
    setText(byId(`${field}-error`), text);
    byId(field).setAttribute('aria-invalid', String(text !== ''));
  }

  function clearErrors() {
    for (const field of FIELDS) showError(field, '');
    setText(byId('sign-in-error'), '');
  }

  /** Checks what needs no server. Gives back the first field at fault. */
  function check({ name, email, password }) {
    const wrong = [
      ['name', mode === 'create' && !name ? 'Tell the others what to call you.' : ''],
      ['email', /^\S+@\S+$/u.test(email) ? '' : 'Enter an e-mail address, such as ada@example.org.'],
      ['password', password ? '' : mode === 'create' ? 'Choose a password.' : 'Enter your password.'],
    ].filter(([, text]) => text);
    for (const [field, text] of wrong) showError(field, text);
    return wrong[0]?.[0];
  }

  function showRefusal({ message, status }) {
    // A failed log-in must not tell which of the two was wrong, so it belongs to the form.
    const field = status > 0 && status !== 401 && mode === 'create'
      ? [['email', /e-?mail|already exists/iu], ['password', /password/iu], ['name', /\bname\b/iu]].find(([, words]) => words.test(message))?.[0]
      : undefined;
    if (field) {
      showError(field, message);
      byId(field).focus();
    } else {
      setText(byId('sign-in-error'), message);
    }
  }

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    clearErrors();
    const values = {
      name: byId('name').value.trim(),
      email: byId('email').value.trim(),
      password: byId('password').value,
    };
    const wrong = check(values);
    if (wrong) {
      byId(wrong).focus();
      return;
    }
    submit.disabled = true;
    try {
      const me = mode === 'create'
        ? await signUp(values.name, values.email, values.password)
        : await logIn(values.email, values.password);
      form.reset();
      onSignedIn(me);
    } catch (error) {
      showRefusal(error);
    } finally {
      submit.disabled = false;
    }
  });

  byId('mode-create').addEventListener('click', () => setMode('create'));
  byId('mode-login').addEventListener('click', () => setMode('login'));

  byId('show-password').addEventListener('click', ({ currentTarget }) => {
    const show = byId('password').type === 'password';
    byId('password').type = show ? 'text' : 'password';
    currentTarget.setAttribute('aria-pressed', String(show));
  });

  setMode('create');

  return {
    /**
     * @param {string} note why the form is shown, if there is a reason
     * @param {'create' | 'login'} which
     */
    show(note, which) {
      setMode(which);
      byId('sign-in-note').hidden = note === '';
      setText(byId('sign-in-note'), note);
      byId('sign-in').hidden = false;
      byId(which === 'create' ? 'name' : 'email').focus();
    },

    hide() {
      byId('sign-in').hidden = true;
    },
  };
}
