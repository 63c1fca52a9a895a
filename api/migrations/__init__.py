"""The history of the service's own tables; workflow/migrations runs it as it runs the engine's."""
