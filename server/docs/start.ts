/** Shows the specification of the service in Swagger UI, which asks nobody else. */
declare const SwaggerUIBundle: (settings: {
  readonly url: string
  readonly dom_id: string
  readonly deepLinking: boolean
  readonly validatorUrl: null
}) => void

SwaggerUIBundle({ url: '../openapi.json', dom_id: '#reference', deepLinking: true, validatorUrl: null })

export {}
