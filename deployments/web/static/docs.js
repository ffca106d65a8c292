// Loads openapi.json (with an API key where one is asked for) and shows it with Swagger UI or ReDoc.
"use strict";
(() => {
  const remembered = "sensorium-api-key"; // for this tab only
  const ask = document.getElementById("ask");
  const why = document.getElementById("why");

  const withKey = (headers) => {
    const key = sessionStorage.getItem(remembered);
    if (key && !headers.Authorization && !headers["x-api-key"]) headers["x-api-key"] = key;
    return headers;
  };

  const loadScript = (source) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = source;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${source} did not load`));
    document.head.append(script);
  });

  const draw = async (spec) => {
    const ui = document.getElementById("ui");
    if (document.body.dataset.ui === "redoc") {
      await loadScript("docs-assets/redoc.standalone.js");
      Redoc.init(spec, { hideDownloadButtons: true }, ui);
      return;
    }
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = "docs-assets/swagger-ui.css";
    document.head.append(style);
    await loadScript("docs-assets/swagger-ui-bundle.js");
    SwaggerUIBundle({
      spec,
      domNode: ui,
      deepLinking: true,
      docExpansion: "list",
      validatorUrl: null, // its validator lives on the internet
      requestInterceptor: (request) => {
        request.headers = withKey(request.headers || {});
        return request;
      },
    });
  };

  const start = async () => {
    const response = await fetch("openapi.json", { headers: withKey({}) });
    const body = await response.json();
    if (response.ok) {
      ask.hidden = true;
      await draw(body);
    } else if (response.status === 401) {
      if (sessionStorage.getItem(remembered)) why.textContent = "That API key was not accepted.";
      ask.hidden = false;
    } else {
      throw new Error(body.error ? body.error.message : `openapi.json: ${response.status}`);
    }
  };

  const show = () => start().catch((error) => { document.getElementById("ui").textContent = String(error); });

  ask.addEventListener("submit", (event) => {
    event.preventDefault();
    sessionStorage.setItem(remembered, document.getElementById("key").value.trim());
    show();
  });
  show();
})();
