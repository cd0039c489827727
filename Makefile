help: ## this list
	@echo "building up"
