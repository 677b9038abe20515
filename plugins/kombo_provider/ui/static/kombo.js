// The page Kombo: what Airflow's UI loads. It names the component by the plugin's name.
import { Page } from "./page.js";

globalThis.Kombo = Page;
