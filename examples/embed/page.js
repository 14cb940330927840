// Asked at the start, and again whenever a token has run out.
document.querySelector('activity-feed').token = async () => {
  const answer = await fetch('/feed-token', { method: 'POST' });
  if (!answer.ok) throw new Error(`no token: ${answer.status}`);
  return answer.text();
};
