import { z } from 'zod'

/** What a recipe says of its warm-up: steps, or nothing where the usual ones are meant, `most` at most. */
export const warmUpSchema = (most: number) =>
  z
    .int()
    .min(0)
    .optional()
    .describe(`steps until the highest learning rate; when absent a tenth of all, ${most} at most`)

/** A recipe for so many steps, with the warm-up that it has for them; its fields are in the order of the schema. */
export function withWarmUp<Recipe extends { readonly warmUpSteps?: number | undefined }>(
  schema: z.ZodType<Recipe>,
  recipe: Recipe,
  totalSteps: number,
  most: number,
): Recipe & { readonly warmUpSteps: number } {
  const { warmUpSteps = Math.min(most, Math.floor(totalSteps / 10)) } = recipe
  return { ...schema.parse({ ...recipe, warmUpSteps }), warmUpSteps }
}
