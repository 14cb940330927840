"""log_event() for a program of yours: puts an event on its way to an activity-feed server and returns at once.

It never blocks and never raises: a thread sends what is queued, under the same ids till the server has it. What does not
fit into the queue, or is refused, is a warning of the logger "activity_feed". Set ACTIVITY_FEED_URL and ACTIVITY_FEED_TOKEN.
"""
import atexit, datetime, json, logging, os, queue, random, threading, time, urllib.error, urllib.request, uuid

_log, _queue, _lock, _thread = logging.getLogger("activity_feed"), queue.Queue(10_000), threading.Lock(), None

def log_event(event_type, source, task_id=None, agent_id=None, data=None):
    """Log one event. Returns its id, or None when it had to be dropped."""
    global _thread
    try:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        event = {"id": str(uuid.uuid4()), "timestamp": now, "event_type": event_type, "source": source}
        event.update({k: v for k, v in (("task_id", task_id), ("agent_id", agent_id), ("data", data)) if v is not None})
        _queue.put_nowait(json.dumps(event, default=str, allow_nan=False))  # as it is now: data may change later
        with _lock:
            if _thread is None or not _thread.is_alive():  # the first event, or the first after a fork
                _thread = threading.Thread(target=_run, name="activity-feed", daemon=True)
                _thread.start()
        return event["id"]
    except Exception as error:
        _log.warning("an event was dropped: %r", error)

def flush(timeout=2.0):
    """Wait till all that was queued is sent or refused; False if that takes longer."""
    end = time.monotonic() + timeout
    while _queue.unfinished_tasks and time.monotonic() < end:
        time.sleep(0.02)
    return not _queue.unfinished_tasks

def _run():
    while True:
        batch = [_queue.get()]
        while len(batch) < 200 and sum(map(len, batch)) < 200_000 and not _queue.empty():
            batch.append(_queue.get())
        try:
            if _deliver(batch):  # all or nothing: one that is refused must not take the others with it
                for said in filter(None, (_deliver([event]) for event in batch)):
                    _log.warning("an event was refused: %s", said)
        finally:
            for _ in batch:
                _queue.task_done()

def _deliver(batch):  # None: the server has it; else what it says when it refuses for good
    pause = 0.5
    while True:
        try:
            url = os.environ.get("ACTIVITY_FEED_URL", "http://127.0.0.1:8080").rstrip("/") + "/api/events"
            headers = {"Content-Type": "application/json", "Authorization": "Bearer " + os.environ.get("ACTIVITY_FEED_TOKEN", "")}
            body = ("[" + ",".join(batch) + "]").encode()
            return urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30).close()
        except Exception as error:
            if getattr(error, "code", 0) in (400, 409, 413, 422):
                return "%s %s" % (error, error.read(2000))
            _log.warning("%d events wait: %s", len(batch), error)
            time.sleep(random.uniform(0.1, pause := min(pause * 2, 20)))

atexit.register(flush)
