from sound_folders import folder_config, prepare_folder, write_audio

__all__ = ["folder_config", "prepare_folder", "write_audio"]
