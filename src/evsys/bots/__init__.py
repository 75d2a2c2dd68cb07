"""Doors that speak the languages of others: commands that come by MQTT, and the bot on Telegram."""
