import { place, type Boxes } from './layout';

addEventListener('message', (e: MessageEvent<Boxes>) => {
  postMessage(place(e.data));
});
