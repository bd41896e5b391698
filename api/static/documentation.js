// Starts Swagger UI. A file of its own, for the page allows no script within it.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#description",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
  // Asks nobody else whether the description is valid.
  validatorUrl: null,
});
