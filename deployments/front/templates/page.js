
  // Renews what is live by fetching this same page; copies commands. The page is complete without it.
  (() => {
    const renew = async () => {
      if (document.hidden) return;
      let fresh;
      try {
        const response = await fetch(location.pathname, { headers: { Accept: "text/html" } });
        if (!response.ok) return;
        fresh = new DOMParser().parseFromString(await response.text(), "text/html");
      } catch {
        return;
      }
      for (const shown of document.querySelectorAll("[data-live]")) {
        const now = fresh.getElementById(shown.id);
        if (!now) continue;
        if (now.dataset.state && now.dataset.state !== shown.dataset.state) shown.dataset.state = now.dataset.state;
        if (shown.dataset.live === "" && shown.innerHTML !== now.innerHTML) shown.innerHTML = now.innerHTML;
      }
    };
    setInterval(renew, REFRESH_MS);

    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll(".copy")) {
      const example = document.getElementById(button.dataset.copies);
      button.hidden = !example.textContent;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(example.textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy the curl"; }, 1500);
      });
    }
  })();
