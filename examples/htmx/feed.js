// A socket that comes back gets the last events again: they take the place of those that are there.
document.addEventListener('htmx:wsOpen', () => document.getElementById('activity-feed').replaceChildren());
