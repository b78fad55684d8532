"""The page that `--view` serves: the live picture, and a line that says how live it is."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>eyespot watch</title>
<link rel="icon" href="data:,">
<style>
body { margin: 0; background: #111; color: #eee; font: 16px/1.5 system-ui, sans-serif; text-align: center }
img { display: block; margin: 0 auto; max-width: 100%; max-height: calc(100vh - 3rem); min-height: 8rem }
#status { margin: 0; padding: .75rem; font-variant-numeric: tabular-nums }
.lost img { opacity: .35 }
.lost #status { background: #a00 }
</style>
</head>
<body>
<img id="picture" src="stream" alt="live picture with what was found">
<p id="status" role="status">waiting for the first frame</p>
<script>
const line = document.getElementById("status");
let ended = false;
function tell(text, lost) {
  line.textContent = text;
  document.body.classList.toggle("lost", lost);
}
async function ask() {
  try {
    const status = await (await fetch("status", {signal: AbortSignal.timeout(3000)})).json();
    if (ended) {
      ended = false;
      document.getElementById("picture").src = "stream?" + Date.now();
    }
    if (status.age_s === null) {
      tell("waiting for the first frame", false);
    } else if (!status.connected) {
      tell(`no connection to the source; this picture is ${Math.round(status.age_s)} s old`, true);
    } else {
      const more = status.dropped ? `, ${status.dropped} dropped` : "";
      tell(`${status.state} \u00b7 frame ${status.frame}${more}`, false);
    }
  } catch {
    ended = true;
    tell("the watch has ended", true);
  }
}
ask();
setInterval(ask, 500);
</script>
</body>
</html>
"""
