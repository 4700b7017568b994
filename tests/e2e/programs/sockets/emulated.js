// What ?url= and ?subprotocol= of the page say becomes the configuration of emulated sockets.
{
  const query = new URLSearchParams(location.search);
  const settings = ['url', 'subprotocol'].filter((name) => query.has(name));
  if (settings.length) {
    Module['websocket'] = Object.fromEntries(settings.map((name) => [name, query.get(name)]));
  }
}
