// The jobs page: batches of the demo, some at their end and two on their way, while a model trains.

export async function jobs({ page, open, shoot, application }) {
  await open("/jobs");
  const row = (name, status) => page.locator(`[data-testid="batches"] [data-status="${status}"]`, { hasText: name });

  await submit("holiday-rota", 60, { simulator: "stall" });
  await submit("product-descriptions", 800, {}, (n) => n % 90 === 7);
  await submit("reviews-by-mood", 1_200);
  await row("holiday-rota", "in_progress").waitFor();
  await cancel("holiday-rota");
  for (const name of ["product-descriptions", "reviews-by-mood"]) await row(name, "completed").waitFor();

  await train();
  await submit("support-tickets-november", 2_400, {}, (n) => n % 300 === 11);
  await page.waitForFunction(() => Number(document.querySelector('[role="progressbar"][aria-label*="support"]')?.ariaValueNow) >= 30);
  await submit("call-summaries", 600);
  await page.waitForFunction(() => Number(document.querySelector('[role="progressbar"][aria-label*="summaries"]')?.ariaValueNow) >= 20);
  await shoot("batches");

  await row("product-descriptions", "completed").getByRole("link").first().click();
  await page.getByRole("link", { name: "← Batches" }).waitFor();
  await shoot("batch");
  for (const section of ["tuning", "inbox", "deliveries"]) {
    await open(`/jobs#/${section}`);
    await page.getByTestId("phase").getByText("Live").waitFor();
    await shoot(section);
  }

  async function submit(name, count, metadata = {}, fails = () => false) {
    const requests = Array.from({ length: count }, (_, n) => {
      const content = `Say "done ${n}"${fails(n) ? " simulator:fail" : ""}`;
      return { body: { model: "gpt-6-luna", messages: [{ role: "user", content }] } };
    });
    await application("POST", "/api/batches", { endpoint: "/v1/chat/completions", requests, metadata: { name, ...metadata } });
  }

  async function cancel(name) {
    const { batches } = await application("GET", "/api/batches");
    await application("POST", `/api/batches/${batches.find((b) => b.metadata.name === name).id}/cancel`);
  }

  async function train() {
    await page.getByRole("link", { name: "Fine-tuning" }).click();
    const fold = page.locator(".side-summary");
    if (await fold.isVisible()) await fold.click();
    await page.getByRole("button", { name: "Use an example" }).click();
    await page.getByLabel("Model to start from").fill("gpt-4.1-mini-2025-04-14");
    await page.getByTestId("submit").click();
    await page.getByTestId("curve").waitFor();
    await shoot("tuning-job");
    await page.getByRole("link", { name: "Batches", exact: true }).click();
  }
}
